//! A state that is lost, and a name that somebody else has.

use serde_json::json;

use crate::deployment::Deployment;
use crate::floating;

#[test]
fn a_state_is_made_again_from_what_is_there() {
    let here = Deployment::of("rebuilt");
    let web1 = json!({"names": [here.host("www")]});
    here.write(&floating::settings(), &json!({"web1": web1}));
    here.place.run("apply -y").code(0);
    let before = here.held();

    here.place.remove("cloud.state.json");
    here.place.run("state rebuild").code(0);
    here.is_finished();
    here.place.run("apply -y").code(0);
    assert_eq!(here.held(), before);
    // The zone is ours, and may go only after what is in it.
    let record = format!("state show record.{}/A", here.host("www"));
    here.place.run(&record).code(0).says("domain.");
    here.place.run("destroy -y").code(0);
    assert_eq!(here.held()["servers"], json!([]));
    assert_eq!(here.held()["floating"], json!([]));
}

#[test]
fn a_server_of_another_deployment_is_not_taken() {
    let mut here = Deployment::of("twice");
    here.write_one();
    here.place.run("apply -y").code(0);
    let before = here.held();

    here.place.enter("another");
    here.write_one();
    here.place
        .run("plan")
        .code(1)
        .says(&here.name("web1"))
        .says("another deployment");
    here.place.run("apply -y").code(1);
    assert_eq!(here.held(), before);

    here.place.enter("deployment");
    here.is_finished();
    here.ends();
}
