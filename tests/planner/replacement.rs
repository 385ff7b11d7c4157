//! Another is made for one that cannot become what is wanted, and takes its place first.

use cloudbuilder::plan::guard::{Limits, refusals, several_losses};

use crate::world::{World, servers};

const WEB: &[(&str, &[&str])] = &[("web", &["www.acme.com"])];

fn from_a_newer_image() -> String {
    servers(WEB).replace("deb", "newer")
}

#[test]
fn another_image_takes_another_server() {
    World::made(&servers(WEB))
        .asking_for(&from_a_newer_image())
        .expect(
            "
        1 +/- server web: another in place of 2 · image deb → newer $6.00
        2 ~ record www.acme.com A: 10.0.0.2 → web's public IPv4 [data] (after 1)
        3 ~ record www.acme.com AAAA: 2001:db8::2 → web's public IPv6 [data] (after 1)
        4 … server web (2): wait 60 min · its address may be remembered (after 1, 2, 3)
        5 - server web (2): with its disk · another serves in its place -$6.00 (after 1, 2, 3, 4)
        6 ~ file cloud.json: write networks of web
    ",
        );
}

#[test]
fn where_there_is_no_room_for_two_the_old_one_can_go_first() {
    let two = &[WEB[0], ("db", &[])];
    let hint = |limit, asked: &str| {
        let mut world = World::made(&servers(two)).asking_for(asked);
        world.server_limit = limit;
        let problems = world.plan().unwrap_err();
        assert_eq!(problems.len(), 1, "{}", world.text());
        problems[0].hint.clone().unwrap()
    };
    let others = "ask the provider for a higher limit, or delete servers first";
    let newer = servers(two).replace("deb", "newer");
    let way_out = format!(
        "write \"replace\": \"destroy-first\" for web, db, which is an outage; or {others}"
    );
    assert_eq!(hint(3, &newer), way_out);
    // One that is new finds no room either way.
    let three = servers(&[WEB[0], ("db", &[]), ("more", &[])]).replace("deb", "newer");
    assert_eq!(hint(2, &three), others);
}

#[test]
fn another_region_takes_another_server_and_the_name_goes_that_has_nothing_to_lead_to() {
    World::made(&servers(WEB))
        .asking_for(&servers(WEB).replace("new1", "old1"))
        .expect(
            "
        1 +/- server web: another in place of 2 · region new1 → old1 $6.00
        2 ~ record www.acme.com A: 10.0.0.2 → web's public IPv4 [data] (after 1)
        3 - record www.acme.com AAAA: → 2001:db8::2 · there is nothing to lead to
        4 … server web (2): wait 60 min · its address may be remembered (after 1, 2, 3)
        5 - server web (2): with its disk · another serves in its place -$6.00 (after 1, 2, 3, 4)
        6 ~ file cloud.json: write networks of web
        note: web has no public IPv6: so there will be no www.acme.com AAAA
    ",
        );
}

#[test]
fn what_is_not_ready_yet_is_waited_for_before_the_other_goes() {
    let mut world = World::made(&servers(WEB)).asking_for(&from_a_newer_image());
    let plan = world.plan().unwrap();
    world.begin(&plan.steps[0]);
    world.expect(
        "
        1 … server web: wait for 5, which an earlier run made
        2 ~ record www.acme.com A: 10.0.0.2 → web's public IPv4 [data] (after 1)
        3 ~ record www.acme.com AAAA: 2001:db8::2 → web's public IPv6 [data] (after 1)
        4 … server web (2): wait 60 min · its address may be remembered (after 1, 2, 3)
        5 - server web (2): with its disk · another serves in its place -$6.00 (after 1, 2, 3, 4)
        6 ~ file cloud.json: write networks of web
    ",
    );
}

#[test]
fn the_names_are_led_on_before_the_other_goes() {
    let mut world = World::made(&servers(WEB)).asking_for(&from_a_newer_image());
    let plan = world.plan().unwrap();
    world.carry_out(&plan.steps[0]);
    world.expect(
        "
        1 ~ record www.acme.com A: 10.0.0.2 → 10.0.0.5 [data]
        2 ~ record www.acme.com AAAA: 2001:db8::2 → 2001:db8::5 [data]
        3 … server web (2): wait 60 min · its address may be remembered (after 1, 2)
        4 - server web (2): with its disk · another serves in its place -$6.00 (after 1, 2, 3)
        5 ~ file cloud.json: write networks of web
    ",
    );
    // Another image once more is another server once more.
    world.asking_for(&servers(WEB)).expect(
        "
        1 +/- server web: another in place of 5 · image newer → deb $6.00
        2 ~ record www.acme.com A: 10.0.0.2 → web's public IPv4 [data] (after 1)
        3 ~ record www.acme.com AAAA: 2001:db8::2 → web's public IPv6 [data] (after 1)
        4 … server web (5): wait 60 min · its address may be remembered (after 1)
        5 - server web (5): with its disk · another serves in its place -$6.00 (after 1, 4)
        6 … server web (2): wait 60 min · its address may be remembered (after 1, 2, 3)
        7 - server web (2): with its disk · another serves in its place -$6.00 (after 1, 2, 3, 6)
        8 ~ file cloud.json: write networks of web
    ",
    );
}

#[test]
fn what_is_protected_is_not_replaced() {
    let protected = r#"{"version": 2, "servers": {"web":
        {"region": "new1", "size": "small", "image": "deb", "protect": true}}}"#;
    let asked = protected.replace("deb", "newer");
    World::made(protected).asking_for(&asked).expect("
        error: server.web is protected: another image takes another server, and this one would be deleted
    ");
    let asked = asked.replace("true", "false");
    World::made(protected).asking_for(&asked).expect("
        error: server.web is protected: another image takes another server, and this one would be deleted
    ");
}

#[test]
fn one_more_than_the_account_may_have_is_refused() {
    let mut world = World::made(&servers(WEB)).asking_for(&from_a_newer_image());
    world.server_limit = 1;
    world.expect(
        "
        error: the account may have 1 servers: it has 1, and this plan would add 1
    ",
    );
}

#[test]
fn what_takes_the_place_of_another_and_is_gone_is_made_again() {
    let mut world = World::made(&servers(WEB)).asking_for(&from_a_newer_image());
    let plan = world.plan().unwrap();
    world.carry_out(&plan.steps[0]);
    world.lose("server.web");
    world.expect(
        "
        1 + server web: new1 · small · newer · ipv6 · was deleted outside $6.00
        2 ~ record www.acme.com A: 10.0.0.2 → web's public IPv4 [data] (after 1)
        3 ~ record www.acme.com AAAA: 2001:db8::2 → web's public IPv6 [data] (after 1)
        4 … server web (2): wait 60 min · its address may be remembered (after 1, 2, 3)
        5 - server web (2): with its disk · another serves in its place -$6.00 (after 1, 2, 3, 4)
        6 ~ file cloud.json: write networks of web
    ",
    );
}

#[test]
fn both_go_when_neither_is_wanted() {
    let mut world = World::made(&servers(WEB)).asking_for(&from_a_newer_image());
    let plan = world.plan().unwrap();
    world.carry_out(&plan.steps[0]);
    world.destroying = true;
    world.expect(
        "
        1 - record www.acme.com A: → 10.0.0.2
        2 - record www.acme.com AAAA: → 2001:db8::2
        3 - server web: with its disk -$6.00 (after 1, 2)
        4 - server web (2): with its disk -$6.00 (after 1, 2)
        5 - ssh_key key@acme.com: take out of the account (after 3, 4)
        6 ~ file cloud.json: take out networks of web
    ",
    );
}

#[test]
fn what_is_not_in_the_state_is_not_replaced() {
    let mut world = World::new(&servers(WEB).replace("new1", "old1"));
    world.add_server("web", &[]);
    world.expect("
        error: server.web: its region is new1, cloud.json asks for old1: this version cannot change the region of one that exists
    ");
}

#[test]
fn what_has_a_twin_is_not_replaced() {
    let mut world = World::made(&servers(WEB)).asking_for(&from_a_newer_image());
    world.add_server("web", &[crate::world::OURS]);
    world.expect("
        error: server.web cannot be replaced while it has a twin: server 5 has its name and this deployment's mark too
    ");
}

#[test]
fn what_is_left_to_a_later_run_stays_until_nobody_remembers_it() {
    let mut world = World::made(&servers(WEB)).asking_for(&from_a_newer_image());
    world.drains = false;
    world.expect(
        "
        1 +/- server web: another in place of 2 · image deb → newer $6.00
        2 ~ record www.acme.com A: 10.0.0.2 → web's public IPv4 [data] (after 1)
        3 ~ record www.acme.com AAAA: 2001:db8::2 → web's public IPv6 [data] (after 1)
        4 … server web (2): its address may be remembered · a later run deletes it (after 1, 2, 3)
        5 ~ file cloud.json: write networks of web
    ",
    );
    let plan = world.plan().unwrap();
    for step in &plan.steps {
        world.carry_out(step);
    }
    world.expect("
        note: server.web@2 stays until 1970-01-01 01:00 UTC: another serves in its place, and whoever remembers its address finds it still
    ");
    world.drains = true;
    world.expect(
        "
        1 … server web (2): wait until 1970-01-01 01:00 UTC · its address may be remembered
        2 - server web (2): with its disk · another serves in its place -$6.00 (after 1)
    ",
    );
    world.now += std::time::Duration::from_secs(60 * 60);
    world.expect(
        "
        1 - server web (2): with its disk · another serves in its place -$6.00
    ",
    );
}

#[test]
fn what_is_left_to_a_later_run_is_asked_about_when_it_is_replaced() {
    let of = |image: &str| {
        let entry = |name: &str| {
            format!(
                r#""{name}": {{"region": "new1", "size": "small", "image": "{image}",
                    "names": ["{name}.acme.com"]}}"#
            )
        };
        let entries = ["a", "b", "c"].map(entry);
        format!(r#"{{"version": 2, "servers": {{{}}}}}"#, entries.join(", "))
    };
    let limits = Limits {
        max_destroy: None,
        allow_wipe: false,
        destroying: false,
    };
    let mut world = World::made(&of("deb")).asking_for(&of("newer"));
    for drains in [true, false] {
        world.drains = drains;
        let plan = world.plan().unwrap();
        let refused = refusals(&plan, limits);
        assert_eq!(refused[0].summary, "the plan destroys 3 servers of 3");
        assert_eq!(several_losses(&plan), Some((3, "server")));
    }
    let plan = world.plan().unwrap();
    for step in &plan.steps {
        world.carry_out(step);
    }
    world.now += std::time::Duration::from_secs(60 * 60);
    let plan = world.plan().unwrap();
    assert_eq!(plan.steps.len(), 3);
    assert!(refusals(&plan, limits).is_empty());
    assert_eq!(several_losses(&plan), None);
    // Where the others go too, all six do.
    world.destroying = true;
    assert_eq!(several_losses(&world.plan().unwrap()), Some((6, "server")));
}

#[test]
fn where_something_forbids_two_the_other_is_made_last() {
    let first = |image: &str| {
        format!(
            r#"{{"version": 2, "servers": {{"web": {{"region": "new1", "size": "small",
                "image": "{image}", "replace": "destroy-first", "names": ["www.acme.com"]}}}}}}"#
        )
    };
    let mut world = World::made(&first("deb")).asking_for(&first("newer"));
    world.server_limit = 1;
    world.expect("
        1 - server web: with its disk · another is made in its place · downtime -$6.00
        2 -/+ server web: another in place of 2 · image deb → newer $6.00 (after 1)
        3 ~ record www.acme.com A: 10.0.0.2 → web's public IPv4 [data] (after 2)
        4 ~ record www.acme.com AAAA: 2001:db8::2 → web's public IPv6 [data] (after 2)
        5 ~ file cloud.json: write networks of web
        warning: server.web goes before another is up: until then what leads to web leads to an address that is given back, which may be a stranger's
    ");
    let plan = world.plan().unwrap();
    world.carry_out(&plan.steps[0]);
    world.expect(
        "
        1 + server web: new1 · small · newer · ipv6 $6.00
        2 ~ record www.acme.com A: 10.0.0.2 → web's public IPv4 [data] (after 1)
        3 ~ record www.acme.com AAAA: 2001:db8::2 → web's public IPv6 [data] (after 1)
        4 ~ file cloud.json: write networks of web
    ",
    );
}

#[test]
fn a_name_that_goes_goes_before_the_server_that_goes_first() {
    let asked = |image: &str, names: &str| {
        format!(
            r#"{{"version": 2, "servers": {{"web": {{"region": "new1", "size": "small",
                "image": "{image}", "replace": "destroy-first", "names": [{names}]}}}}}}"#
        )
    };
    World::made(&asked("deb", r#""www.acme.com""#))
        .asking_for(&asked("newer", ""))
        .expect("
        1 - record www.acme.com A: → 10.0.0.2 · no longer in cloud.json
        2 - record www.acme.com AAAA: → 2001:db8::2 · no longer in cloud.json
        3 - server web: with its disk · another is made in its place · downtime -$6.00 (after 1, 2)
        4 -/+ server web: another in place of 2 · image deb → newer $6.00 (after 3)
        5 ~ file cloud.json: write networks of web
        warning: server.web goes before another is up: until then what leads to web leads to an address that is given back, which may be a stranger's
    ");
}

#[test]
fn whoever_asks_for_another_gets_one_and_no_third_if_that_is_cut_off() {
    let mut world = World::made(&servers(WEB));
    world.replace = vec!["server.w*".parse().unwrap()];
    world.expect(
        "
        1 +/- server web: another in place of 2 · as asked $6.00
        2 ~ record www.acme.com A: 10.0.0.2 → web's public IPv4 [data] (after 1)
        3 ~ record www.acme.com AAAA: 2001:db8::2 → web's public IPv6 [data] (after 1)
        4 … server web (2): wait 60 min · its address may be remembered (after 1, 2, 3)
        5 - server web (2): with its disk · another serves in its place -$6.00 (after 1, 2, 3, 4)
        6 ~ file cloud.json: write networks of web
    ",
    );
    let plan = world.plan().unwrap();
    world.carry_out(&plan.steps[0]);
    world.expect("
        1 ~ record www.acme.com A: 10.0.0.2 → 10.0.0.5 [data]
        2 ~ record www.acme.com AAAA: 2001:db8::2 → 2001:db8::5 [data]
        3 … server web (2): wait 60 min · its address may be remembered (after 1, 2)
        4 - server web (2): with its disk · another serves in its place -$6.00 (after 1, 2, 3)
        5 ~ file cloud.json: write networks of web
        note: server.web is replaced already: the one that it took the place of is still to go, and goes first
    ");
    world.replace = vec!["server.wep".parse().unwrap()];
    world.expect("
        error: --replace server.wep means nothing here: neither cloud.json nor the state has such an address
    ");
    let mut world = World::new(&servers(WEB));
    world.replace = vec!["server.web".parse().unwrap()];
    world.expect(
        "
        1 + ssh_key key@acme.com: upload
        2 + server web: new1 · small · deb · ipv6 $6.00 (after 1)
        3 + record www.acme.com A: → web's public IPv4 (after 2)
        4 + record www.acme.com AAAA: → web's public IPv6 (after 2)
        5 ~ file cloud.json: write networks of web
        note: server.web is not there to be replaced: it is made as it would be without --replace
    ",
    );
}

#[test]
fn what_shows_that_it_serves_is_asked_before_anything_leads_to_it() {
    let with_check = |image: &str| {
        format!(
            r#"{{"version": 2, "servers": {{"web": {{"region": "new1", "size": "small",
                "image": "{image}", "check": {{"tcp": 22}}, "names": ["www.acme.com"]}}}}}}"#
        )
    };
    let mut world = World::made(&with_check("deb")).asking_for(&with_check("newer"));
    world.expect(
        "
        1 +/- server web: another in place of 2 · image deb → newer $6.00
        2 … server web: until tcp 22 answers (after 1)
        3 ~ record www.acme.com A: 10.0.0.2 → web's public IPv4 [data] (after 2)
        4 ~ record www.acme.com AAAA: 2001:db8::2 → web's public IPv6 [data] (after 2)
        5 … server web (2): wait 60 min · its address may be remembered (after 2, 3, 4)
        6 - server web (2): with its disk · another serves in its place -$6.00 (after 2, 3, 4, 5)
        7 ~ file cloud.json: write networks of web
    ",
    );
    let plan = world.plan().unwrap();
    // Cut off before it has answered.
    world.carry_out(&plan.steps[0]);
    world.expect(
        "
        1 … server web: until tcp 22 answers
        2 ~ record www.acme.com A: 10.0.0.2 → 10.0.0.5 [data] (after 1)
        3 ~ record www.acme.com AAAA: 2001:db8::2 → 2001:db8::5 [data] (after 1)
        4 … server web (2): wait 60 min · its address may be remembered (after 1, 2, 3)
        5 - server web (2): with its disk · another serves in its place -$6.00 (after 1, 2, 3, 4)
        6 ~ file cloud.json: write networks of web
    ",
    );
    // It is not even to be seen.
    world.lose("server.web");
    world.too_young.insert("server.web".parse().unwrap());
    world.expect(
        "
        1 … server web: wait for 5, which an earlier run made
        2 … server web: until tcp 22 answers (after 1)
        3 ~ record www.acme.com A: 10.0.0.2 → web's public IPv4 [data] (after 2)
        4 ~ record www.acme.com AAAA: 2001:db8::2 → web's public IPv6 [data] (after 2)
        5 … server web (2): wait 60 min · its address may be remembered (after 2, 3, 4)
        6 - server web (2): with its disk · another serves in its place -$6.00 (after 2, 3, 4, 5)
        7 ~ file cloud.json: write networks of web
    ",
    );
}

#[test]
fn what_nobody_recorded_is_led_on_by_the_next_run_too() {
    let with = |image: &str| {
        format!(
            r#"{{"version": 2, "servers": {{"web": {{"region": "new1", "size": "small",
                "image": "{image}", "names": ["www.acme.com"]}}}}}}"#
        )
    };
    let mut world = World::made(&with("deb"));
    let record = "record.www.acme.com/A".parse().unwrap();
    world.recorded.remove(&record);
    let mut world = world.asking_for(&with("newer"));
    world.expect(
        "
        1 +/- server web: another in place of 2 · image deb → newer $6.00
        2 & record www.acme.com A: take over 3, which is right already
        3 ~ record www.acme.com A: 10.0.0.2 → web's public IPv4 [data] (after 1, 2)
        4 ~ record www.acme.com AAAA: 2001:db8::2 → web's public IPv6 [data] (after 1)
        5 … server web (2): wait 60 min · its address may be remembered (after 1, 2, 3, 4)
        6 - server web (2): with its disk · another serves in its place -$6.00 (after 1, 2, 3, 4, 5)
        7 ~ file cloud.json: write networks of web
    ",
    );
    let plan = world.plan().unwrap();
    // Cut off once the other one is made.
    world.carry_out(&plan.steps[0]);
    world.expect(
        "
        1 & record www.acme.com A: take over 3, which is right already
        2 ~ record www.acme.com A: 10.0.0.2 → 10.0.0.5 [data] (after 1)
        3 ~ record www.acme.com AAAA: 2001:db8::2 → 2001:db8::5 [data]
        4 … server web (2): wait 60 min · its address may be remembered (after 1, 2, 3)
        5 - server web (2): with its disk · another serves in its place -$6.00 (after 1, 2, 3, 4)
        6 ~ file cloud.json: write networks of web
    ",
    );
}
