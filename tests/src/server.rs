//! A web server on loopback, for what needs no machine of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// Serves documents until this process ends, and says the URL. `site` is told the URL, and gives
/// what has a document for the path of a request, or none. A connection is answered as long as it
/// asks.
///
/// # Panics
///
/// When there is no port.
pub fn serve<D: Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static>(
    site: impl FnOnce(&str) -> D,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let url = format!("http://{}", listener.local_addr().expect("it has an address"));
    let document = Arc::new(site(&url));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let document = Arc::clone(&document);
            std::thread::spawn(move || answer(&stream, &*document));
        }
    });
    url
}

fn answer(stream: &TcpStream, document: &impl Fn(&str) -> Option<Vec<u8>>) {
    let mut lines = BufReader::new(stream).lines();
    loop {
        let head: Vec<String> =
            lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let Some(path) = head.first().and_then(|line| line.split(' ').nth(1)) else { return };
        let (status, body) =
            document(path).map_or_else(|| ("404 Not Found", Vec::new()), |body| ("200 OK", body));
        // In one piece, or it waits for the other side to say that the first has come.
        let whole = [
            format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes(),
            body,
        ]
        .concat();
        if (&*stream).write_all(&whole).is_err() {
            return;
        }
    }
}
