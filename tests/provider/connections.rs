//! What a client offers and keeps: connections, compressed answers, HTTP/2.

use super::*;

/// As [`request`], without its body; `None` where nothing more comes.
async fn next_request(socket: &mut TcpStream) -> Option<String> {
    Some(request(socket).await).filter(|request| !request.is_empty())
}

/// An answer with a body, after which the connection stays open.
fn whole(head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\n{head}content-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// A page of so many zones.
fn zones(total: usize, page: usize) -> Json {
    let names = (0..total).skip((page - 1) * 200).take(200);
    let zones: Vec<Json> = names
        .map(|number| json!({"name": format!("zone{number}.example")}))
        .collect();
    json!({"domains": zones, "meta": {"total": total}})
}

#[tokio::test]
async fn pages_come_over_the_same_few_connections_until_the_last() {
    const ZONES: usize = 4_100;
    let (port, count) = serve(|mut socket| async move {
        while let Some(asked) = next_request(&mut socket).await {
            let path = asked.split_whitespace().nth(1).unwrap_or_default();
            let page = path.rsplit_once("&page=").unwrap().1.parse().unwrap();
            let page = whole("", zones(ZONES, page).to_string().as_bytes());
            let _ = socket.write_all(&page).await;
        }
    })
    .await;
    let write = open(&format!("http://127.0.0.1:{port}"));
    let listed = write.list("domain", Scope::default()).await.unwrap();
    let names: Vec<&str> = listed.found.iter().map(|zone| zone.id.as_str()).collect();
    let expected: Vec<String> = (0..ZONES).map(|n| format!("zone{n}.example")).collect();
    assert_eq!(names, expected, "in their order");
    assert_eq!(write.requests(), 21);
    // As many as there are requests at a time, each used again.
    let connections = count.load(Ordering::Relaxed);
    assert!(connections <= 8, "{connections} connections");
}

/// A gzip member with its content as it is (RFC 1952 and 1951).
fn gzip(content: &[u8]) -> Vec<u8> {
    let mut crc = u32::MAX;
    for byte in content {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    let length = u16::try_from(content.len()).unwrap();
    let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    member.extend(length.to_le_bytes());
    member.extend((!length).to_le_bytes());
    member.extend(content);
    member.extend((!crc).to_le_bytes());
    member.extend(u32::from(length).to_le_bytes());
    member
}

#[tokio::test]
async fn answers_may_come_compressed_and_that_is_asked_for() {
    let (port, _) = serve(|mut socket| async move {
        let asked = request(&mut socket).await.to_ascii_lowercase();
        let accepts = asked
            .lines()
            .find(|line| line.starts_with("accept-encoding:"));
        assert!(accepts.unwrap_or_default().contains("gzip"), "{asked}");
        let body = gzip(zones(3, 1).to_string().as_bytes());
        let _ = socket
            .write_all(&whole("content-encoding: gzip\r\n", &body))
            .await;
    })
    .await;
    let write = open(&format!("http://127.0.0.1:{port}"));
    let listed = write.list("domain", Scope::default()).await.unwrap();
    assert_eq!(listed.found.len(), 3);
}

/// Where there is TLS, the client's first message says which protocols it can speak, in its order
/// (RFC 7301).
#[tokio::test]
async fn http2_is_offered_before_http1() {
    let (tell, told) = std::sync::mpsc::channel();
    let (port, _) = serve(move |mut socket| {
        let tell = tell.clone();
        async move {
            let mut hello = vec![0; 4096];
            let got = socket.read(&mut hello).await.unwrap_or(0);
            hello.truncate(got);
            let _ = tell.send(hello);
        }
    })
    .await;
    let error = post(&format!("https://127.0.0.1:{port}")).await;
    assert_eq!(error.class, Class::NotSent, "{error}");
    let hello = told.recv().unwrap();
    let offer = b"\x02h2\x08http/1.1";
    let offered = hello.windows(offer.len()).any(|part| part == offer);
    assert!(offered, "{hello:?}");
}
