//! A name server on a real socket that knows the TXT records it was told, and nothing else: any other name is not there.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{net::UdpSocket, task::JoinHandle};

/// The names and the values of the records there.
type Records = Arc<Mutex<HashMap<String, Vec<String>>>>;

/// The server. It stops when it is dropped.
pub(crate) struct NameServer {
    address: SocketAddr,
    records: Records,
    task: JoinHandle<()>,
}

impl NameServer {
    /// Starts one that knows nothing.
    pub(crate) async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("a bound socket has an address");
        let records = Records::default();
        let task = tokio::spawn(serve(socket, Arc::clone(&records)));
        Self { address, records, task }
    }

    /// Where it listens, as `ADDRESS:PORT`.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// From now on, the name has these TXT records.
    pub(crate) fn publish(&self, name: &str, values: &[&str]) {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        self.records.lock().expect("no panic").insert(name.to_owned(), values);
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, records: Records) {
    let mut question = [0; 1500];
    loop {
        let (length, from) = socket.recv_from(&mut question).await.expect("a question");
        let answer = answer(&question[..length], &records.lock().expect("no panic"));
        socket.send_to(&answer, from).await.expect("sent");
    }
}

/// RFC 1035 §4.1: the header, the question again, and a record for each value.
fn answer(question: &[u8], records: &HashMap<String, Vec<String>>) -> Vec<u8> {
    let (mut labels, mut at) = (Vec::new(), 12);
    while question[at] > 0 {
        let end = at + 1 + usize::from(question[at]);
        labels.push(String::from_utf8_lossy(&question[at + 1..end]).to_lowercase());
        at = end;
    }
    let values = records.get(&labels.join("."));
    let count = u8::try_from(values.map_or(0, Vec::len)).expect("few records");
    // A response with authority, to one question; RCODE 3 says that there is no such name.
    let flags = [0x84, if values.is_some() { 0 } else { 3 }];
    let mut out = [&question[..2], &flags, &[0, 1, 0, count, 0, 0, 0, 0], &question[12..at + 5]].concat();
    for value in values.into_iter().flatten() {
        let strings: Vec<u8> = value
            .as_bytes()
            .chunks(255)
            .flat_map(|piece| [&[u8::try_from(piece.len()).expect("at most 255")], piece].concat())
            .collect();
        // The name of the question, TXT, IN, for a minute.
        out.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60]);
        out.extend(u16::try_from(strings.len()).expect("a short value").to_be_bytes());
        out.extend(strings);
    }
    out
}
