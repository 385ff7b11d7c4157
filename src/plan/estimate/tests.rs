use super::*;
use crate::model::{AccountView, Capabilities, RecordRules, Update};
use crate::plan::Verb;
use crate::provider::Allowance;

static CAPABILITIES: Capabilities = Capabilities {
    provider: "toy",
    kinds: &["ssh_key", "server", "domain", "record"],
    updates: &[Update {
        takes: Duration::from_secs(90),
        ..Update::at_once("server", &["size"])
    }],
    leaves: &[],
    only_seen: &[],
    marked: &[],
    copy_gb: None,
    prices: true,
    batches: &[Batch {
        kind: "server",
        most: 10,
        differ_by: &["name"],
    }],
    records: RecordRules::ALL,
    name_servers: &[],
    boot: Duration::from_secs(40),
    page: 200,
    by_id: false,
    lacks: &[],
};

/// The steps of a plan, one by one.
#[derive(Default)]
struct Steps(Vec<Step>);

impl Steps {
    fn push(&mut self, op: Op, waits_for: &[usize]) -> usize {
        let number = self.0.len() + 1;
        self.0.push(Step {
            number,
            op,
            verb: Verb::NoOp,
            kind: String::new(),
            label: String::new(),
            detail: String::new(),
            monthly: None,
            kept: None,
            loses: None,
            wipes: false,
            interrupts: false,
            permanent: false,
            waits_for: waits_for.to_vec(),
            after: Vec::new(),
        });
        number
    }

    fn create(&mut self, kind: &str, name: &str, size: &str, waits_for: &[usize]) -> usize {
        let op = Op::Create {
            replaces: None,
            address: Address::new(kind, name),
            account: "default".to_owned(),
            attributes: Attributes::from([("name", name.into()), ("size", size.into())]),
            refers_to: Vec::new(),
        };
        self.push(op, waits_for)
    }

    /// So many servers with so many records each, after a key and a zone.
    fn fresh(servers: usize, records: usize) -> Self {
        let mut steps = Self::default();
        let key = steps.create("ssh_key", "default", "", &[]);
        let zone = steps.create("domain", "acme.com", "", &[]);
        for number in 0..servers {
            let server = steps.create("server", &format!("web{number}"), "small", &[key]);
            for _ in 0..records {
                steps.create("record", "web", "", &[zone, server]);
            }
        }
        steps
    }

    fn take(&self, parallelism: usize, allowance: Option<Allowance>) -> (u64, f64) {
        let view = AccountView {
            region: None,
            clock: None,
            capabilities: &CAPABILITIES,
            catalog: None,
            dns_in: None,
            left_out: BTreeMap::new(),
            limits: BTreeMap::new(),
        };
        let accounts = [("default".to_owned(), view)].into();
        let means = Means {
            accounts: &accounts,
            parallelism,
            a_minute: allowance.map(|allowance| allowance.a_minute),
            longest_drain: Duration::MAX,
            held_back: &|requests| {
                allowance.map_or(Duration::ZERO, |allowance| allowance.wait_for(requests))
            },
        };
        let estimate = estimate(&self.0, &means);
        (estimate.requests, estimate.duration.as_secs_f64())
    }
}

fn server(name: &str) -> Address {
    Address::new("server", name)
}

#[test]
fn a_server_with_a_name_takes_its_boot_and_little_more() {
    // Key, zone, server, two records, and 21 looks in 40 seconds.
    assert_eq!(Steps::fresh(1, 2).take(10, None), (26, 41.5));
    // Ten alike are one request, eleven are two.
    assert_eq!(Steps::fresh(10, 0).take(10, None), (2 + 1 + 21, 41.0));
    assert_eq!(Steps::fresh(11, 0).take(10, None), (2 + 2 + 21, 41.0));
    assert_eq!(Steps::default().take(10, None), (0, 0.0));
}

#[test]
fn what_differs_goes_into_requests_of_its_own() {
    let mut steps = Steps::default();
    for (name, size) in [("a", "small"), ("b", "large"), ("c", "small")] {
        steps.create("server", name, size, &[]);
    }
    assert_eq!(steps.take(10, None).0, 2 + 21);
}

#[test]
fn the_limits_hold_back_what_is_too_much_for_a_minute() {
    let allowance = Allowance {
        a_minute: 250,
        minute: 240,
        hour: None,
    };
    // 200 servers with a name each, and IPv6.
    let (requests, seconds) = Steps::fresh(200, 2).take(10, Some(allowance));
    assert_eq!(requests, 2 + 20 + 400 + 21);
    assert!((seconds - 60.0).abs() < 0.1, "{seconds}");
    // Looks are no more than a fifth of what is allowed in that time: 50 pages of servers.
    let (requests, seconds) = Steps::fresh(10_000, 0).take(10, Some(allowance));
    assert_eq!(requests, 2 + 1_000 + 4 * 50);
    assert!((seconds - 4.0 * 60.0).abs() < 0.1, "{seconds}");
}

#[test]
fn one_at_a_time_takes_as_long_as_all_together() {
    let steps = Steps::fresh(1, 400);
    assert_eq!(steps.take(1, None).1, (2.0 + 1.0 + 400.0) / 2.0);
    assert_eq!(steps.take(10, None).1, 41.5);
}

#[test]
fn what_is_there_is_waited_for_changed_marked_or_deleted() {
    let import = |mark| Op::Import {
        address: server("a"),
        account: "default".to_owned(),
        id: "1".to_owned(),
        attributes: Attributes::new(),
        refers_to: Vec::new(),
        mark,
        ours: false,
    };
    let (address, id) = (server("a"), "1".to_owned());
    let wait = Op::Await {
        address: address.clone(),
        id: id.clone(),
    };
    let delete = |kind: &str| Op::Delete {
        unrecorded: None,
        address: Address::new(kind, "a"),
        id: "1".to_owned(),
    };
    let update = Op::Update {
        address: Address::new("record", "a"),
        id,
        attributes: Attributes::new(),
        refers_to: Vec::new(),
        changes: Vec::new(),
    };
    let resize = Op::Update {
        address: server("a"),
        id: "1".to_owned(),
        attributes: Attributes::new(),
        refers_to: Vec::new(),
        changes: vec![Change {
            attribute: "size".to_owned(),
            before: "small".into(),
            after: "large".into(),
        }],
    };
    for (op, expected) in [
        (import(true), (2, 1.0)),
        (import(false), (0, 0.0)),
        (wait, (21, 40.0)),
        (update, (1, 0.5)),
        // A look and the request, a look every 1.5 seconds for half a minute and every 10 then, and
        // what became of it.
        (resize, (2 + 20 + 6 + 1, 90.5)),
        (delete("record"), (1, 0.5)),
        (delete("server"), (1 + 4, 5.5)),
        (Op::Forget { address }, (0, 0.0)),
    ] {
        let mut steps = Steps::default();
        steps.push(op.clone(), &[]);
        assert_eq!(steps.take(10, None), expected, "{op:?}");
    }
}
