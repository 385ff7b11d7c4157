//! Fault campaigns against the real cloud: a proxy loses answers and kills the program.

use std::path::PathBuf;

use cloudbuilder::torture::{Campaign, Ground, Login, Mode};

use crate::cloud::{Cloud, Who};
use crate::left::Left;

/// How many seeds there is time for.
const SEEDS: u64 = 2;

#[test]
fn random_clouds_come_out_right() {
    let of_seed = |seed| [format!("t{seed}-"), format!("torture-{seed}")];
    let beginnings: Vec<String> = (1..=SEEDS).flat_map(of_seed).collect();
    let beginnings: Vec<&str> = beginnings.iter().map(String::as_str).collect();
    let _left = Left::by(&beginnings);
    let cloud = Cloud::here();
    let campaign = Campaign {
        program: PathBuf::from(env!("CARGO_BIN_EXE_cloudbuilder")),
        jobs: 1,
        ground: Ground::OpenStack(Login {
            upstream: cloud.auth_url.clone(),
            username: Who::Demo.name().to_owned(),
            password: cloud.password(Who::Demo).to_owned(),
            project: Who::Demo.name().to_owned(),
            domain: "Default".to_owned(),
        }),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let report = runtime
        .block_on(async {
            let seeds = campaign.seeds(1..=SEEDS, Mode::Faults, |_| {});
            tokio::time::timeout(crate::cloud::LIMIT, seeds).await
        })
        .expect("the campaign ends in time");
    let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert!(report.is_good(), "{}\n{report}", failures.join("\n"));
    assert_eq!((report.duplicates, report.orphans), (0, 0));
    assert!(report.struck() > 0, "{report}");
}
