use super::*;

const EPOCH: u64 = 1_000_000;

/// The API's side: it counts a request when it comes, and refuses what is too much.
struct Api {
    began: Instant,
    limit: u64,
    /// When requests were counted.
    counted: VecDeque<Instant>,
    refused: usize,
}

impl Api {
    fn new(limit: u64) -> Self {
        Self {
            began: Instant::now(),
            limit,
            counted: VecDeque::new(),
            refused: 0,
        }
    }

    fn ask(&mut self) -> Option<Hour> {
        let now = Instant::now();
        while let Some(oldest) = self.counted.front()
            && *oldest + HOUR <= now
        {
            self.counted.pop_front();
        }
        let recent = self
            .counted
            .iter()
            .rev()
            .take_while(|at| **at + MINUTE > now);
        let full = self.counted.len() as u64 >= self.limit;
        if full || recent.count() as u64 >= self.limit / MINUTES_SHARE {
            self.refused += 1;
            return None;
        }
        self.counted.push_back(now);
        let oldest = self.counted.front().copied().unwrap_or(now);
        // Whole seconds, as in the header.
        let seconds = |at: Instant| EPOCH + (at - self.began).as_secs();
        let reset = seconds(oldest + HOUR);
        Some(Hour {
            limit: self.limit,
            remaining: self.limit - self.counted.len() as u64,
            reset,
            until_reset: Duration::from_secs(reset.saturating_sub(seconds(now))),
        })
    }
}

/// Sends requests through a budget, `workers` at a time, each on its way for a while that differs
/// from one to the next. Gives how long it took in the end.
async fn send(budget: Budget, api: Api, requests: usize, workers: usize) -> (Duration, Api) {
    let began = Instant::now();
    let shared = std::sync::Arc::new(std::sync::Mutex::new((budget, api, requests)));
    let work = (0..workers).map(|worker| {
        let shared = std::sync::Arc::clone(&shared);
        async move {
            let mut random = fastrand::Rng::with_seed(worker as u64);
            loop {
                let place = {
                    let (budget, _, left) = &mut *shared.lock().unwrap();
                    if *left == 0 {
                        return;
                    }
                    budget.take(Instant::now()).map(|()| *left -= 1)
                };
                if let Err((wait, why)) = place {
                    let soon = Duration::from_millis(50);
                    let wait = if why == Why::InFlight { soon } else { wait };
                    tokio::time::sleep(wait).await;
                    continue;
                }
                tokio::time::sleep(Duration::from_millis(random.u64(1..3000))).await;
                let told = shared.lock().unwrap().1.ask();
                tokio::time::sleep(Duration::from_millis(random.u64(1..3000))).await;
                let (budget, _, _) = &mut *shared.lock().unwrap();
                budget.answered(Instant::now(), told);
            }
        }
    });
    futures_util::future::join_all(work).await;
    let shared = std::sync::Arc::try_unwrap(shared).ok().unwrap();
    let (_, api, _) = shared.into_inner().unwrap();
    (began.elapsed(), api)
}

#[tokio::test(start_paused = true)]
async fn the_only_client_is_never_refused() {
    for (limit, requests, workers) in [
        (5000, 200, 10),
        (5000, 1000, 10),
        (5000, 1000, 300),
        (5000, 5200, 64),
        (100, 400, 1),
        (100, 400, 5),
    ] {
        let (elapsed, api) = send(Budget::default(), Api::new(limit), requests, workers).await;
        assert_eq!(api.refused, 0, "{requests} of {limit} by {workers}");
        // Nor is it slower than it must be: each window is used to the full.
        let a_minute = (limit / MINUTES_SHARE).max(1);
        let hours = (requests as u64 - 1) / limit;
        let minutes = ((requests as u64 - 1) % limit) / a_minute;
        let slow = Duration::from_secs(8) * u32::try_from(minutes + 20 * hours + 1).unwrap();
        let rounds = Duration::from_secs(6) * u32::try_from(requests / workers + 1).unwrap();
        let most = HOUR * u32::try_from(hours).unwrap()
            + MINUTE * u32::try_from(minutes).unwrap()
            + slow
            + rounds;
        assert!(
            elapsed < most,
            "{elapsed:?} for {requests} of {limit}, most {most:?}"
        );
    }
}

fn hour(limit: u64, remaining: u64, reset: u64) -> Hour {
    Hour {
        limit,
        remaining,
        reset: EPOCH + reset,
        until_reset: Duration::from_secs(reset),
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_may_come_in_a_burst_and_the_next_waits_for_the_first() {
    let mut budget = Budget::default();
    let began = Instant::now();
    for _ in 0..A_MINUTE {
        assert_eq!(budget.take(Instant::now()), Ok(()));
    }
    assert_eq!(budget.take(Instant::now()), Err((MINUTE, Why::InFlight)));
    tokio::time::advance(Duration::from_secs(5)).await;
    budget.answered(Instant::now(), None);
    // Counted from its answer: nobody knows when the API did.
    assert_eq!(
        budget.take(Instant::now()),
        Err((MINUTE + MARGIN, Why::Minute))
    );
    tokio::time::advance(MINUTE + MARGIN).await;
    assert_eq!(budget.take(Instant::now()), Ok(()));
    assert_eq!(began.elapsed(), Duration::from_secs(65) + MARGIN);
}

#[tokio::test(start_paused = true)]
async fn the_hour_is_as_the_answers_say() {
    // What answers said, in the order in which they came; what is left by that.
    for (told, left) in [
        (vec![hour(5000, 3, 100)], 3),
        (vec![hour(5000, 3, 100), hour(5000, 2, 100)], 2),
        // The second overtook the first.
        (vec![hour(5000, 2, 100), hour(5000, 3, 100)], 2),
        // The oldest ones were freed in between.
        (vec![hour(5000, 2, 100), hour(5000, 40, 130)], 40),
        // An old answer that comes late cannot take that back.
        (vec![hour(5000, 40, 130), hour(5000, 41, 100)], 40),
        (vec![hour(5000, 0, 100)], 0),
    ] {
        let mut budget = Budget::default();
        for one in &told {
            budget.take(Instant::now()).ok();
            budget.answered(Instant::now(), Some(*one));
        }
        let mut taken = 0;
        let refused = loop {
            match budget.take(Instant::now()) {
                Ok(()) => taken += 1,
                Err((_, why)) => break why,
            }
        };
        assert_eq!(taken, left, "{told:?}");
        let why = if left == 0 { Why::Hour } else { Why::InFlight };
        assert_eq!(refused, why, "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_used_up_hour_is_tried_with_one_request() {
    let mut budget = Budget::default();
    budget.take(Instant::now()).unwrap();
    budget.answered(Instant::now(), Some(hour(5000, 0, 100)));
    let wait = Duration::from_secs(100) + MARGIN;
    assert_eq!(budget.take(Instant::now()), Err((wait, Why::Hour)));
    tokio::time::advance(wait).await;
    assert_eq!(budget.take(Instant::now()), Ok(()));
    assert_eq!(budget.take(Instant::now()), Err((MINUTE, Why::InFlight)));
    budget.answered(Instant::now(), Some(hour(5000, 8, 160)));
    assert_eq!(budget.take(Instant::now()), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn what_ran_a_moment_ago_counts_too() {
    for (told, left) in [
        // 201 requests, ours among them, and the oldest is 20 s old.
        (hour(5000, 4799, 3580), 49),
        // The oldest is older: how many of them are of this minute cannot be known.
        (hour(5000, 4799, 3000), 249),
        (hour(5000, 100, 3580), 0),
    ] {
        let mut budget = Budget::default();
        budget.take(Instant::now()).unwrap();
        budget.answered(Instant::now(), Some(told));
        assert_eq!(
            budget.left(Instant::now()).unwrap().minute,
            left,
            "{told:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_that_counts_nothing_has_no_limit() {
    let mut budget = Budget::default();
    for _ in 0..2000 {
        assert_eq!(budget.take(Instant::now()), Ok(()));
        budget.answered(Instant::now(), Some(hour(5000, 4999, 3600)));
    }
    assert_eq!(budget.left(Instant::now()), None);
}

#[tokio::test(start_paused = true)]
async fn what_is_barred_waits_and_is_said_once() {
    let mut budget = Budget::default();
    let until = Instant::now() + Duration::from_secs(30);
    budget.bar(until);
    budget.bar(until - Duration::from_secs(9));
    let wait = Duration::from_secs(30);
    assert_eq!(budget.take(Instant::now()), Err((wait, Why::Told)));
    assert!(budget.is_news(until));
    assert!(!budget.is_news(until));
    assert!(!budget.is_news(until + Duration::from_millis(300)));
    assert!(budget.is_news(until + Duration::from_secs(40)));
    tokio::time::advance(wait).await;
    assert_eq!(budget.take(Instant::now()), Ok(()));
}
