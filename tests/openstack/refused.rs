//! What cannot be is said before anything is made.

use serde_json::{Value, json};

use crate::deployment::Deployment;
use crate::support::program::Ran;

fn public() -> Value {
    json!({"networks": ["public"]})
}

fn planned(here: &Deployment, settings: &Value, server: &Value) -> Ran {
    here.write(settings, &json!({"web1": server}));
    here.place.run("plan")
}

#[test]
fn what_the_cloud_does_not_have_or_cannot_do() {
    let here = Deployment::of("refused");
    let refused = |settings: &Value, server: Value, what: &[&str]| {
        let mut ran = planned(&here, settings, &server).code(1);
        for what in what {
            ran = ran.says(what);
        }
    };
    refused(
        &public(),
        json!({"size": "m1.smal"}),
        &[
            "the account has no size `m1.smal`",
            "did you mean `m1.small`?",
        ],
    );
    refused(
        &public(),
        json!({"image": "debian-13"}),
        &[
            "the account has no image `debian-13`",
            "did you mean `debian-12`?",
        ],
    );
    // Two have that name.
    refused(
        &public(),
        json!({"image": "twins"}),
        &["`twins` means 2 images"],
    );
    // Which of these is meant nobody knows.
    refused(
        &public(),
        json!({"image": "debian*"}),
        &[
            "`debian*` means 2 images",
            "they are debian-12 (",
            "debian-12-desktop (",
        ],
    );
    refused(
        &public(),
        json!({"size": "m1.small", "image": "debian-12-desktop"}),
        &["debian-12-desktop", "40 GB"],
    );
    refused(
        &public(),
        json!({"openstack": {"networks": ["publik"]}}),
        &["there is no network publik", "did you mean public?"],
    );
    refused(
        &json!({"networks": ["private"]}),
        json!({}),
        &[
            "no address of server refused-web1 would be public",
            "floating_ip_from",
        ],
    );
    let many: serde_json::Map<String, Value> = (1..=11)
        .map(|number| (format!("web{number}"), json!({})))
        .collect();
    here.write(&public(), &Value::Object(many));
    here.place
        .run("apply -y")
        .code(1)
        .says("the account's quota of servers is too small")
        .says("this plan needs 11 more");
    here.holds_nothing();
}

#[test]
fn the_newest_of_several_images_is_taken_where_that_is_asked_for() {
    let here = Deployment::of("newest");
    let image = json!({"name": "debian*", "newest": true});
    planned(
        &here,
        &public(),
        &json!({"image": image, "size": "m1.medium"}),
    )
    .code(0)
    .says("debian-12-desktop");
}
