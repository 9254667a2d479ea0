//! A TCP proxy that makes the way longer, not narrower: every octet comes out a fixed time after it went in, however many
//! are on the way. Connecting itself is not delayed.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

const BLOCK: usize = 64 * 1024;

/// Starts one on a free port, which it gives. It carries connections to `to` until the benchmark ends.
pub(crate) fn start(to: u16, each_way: Duration) -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A client whose connection cannot be carried sees it closed, and its run fails by its count.
            let _ = carry(client, to, each_way);
        }
    });
    Ok(port)
}

fn carry(client: TcpStream, to: u16, each_way: Duration) -> io::Result<()> {
    let relay = TcpStream::connect((Ipv4Addr::LOCALHOST, to))?;
    client.set_nodelay(true)?;
    relay.set_nodelay(true)?;
    one_way(client.try_clone()?, relay.try_clone()?, each_way);
    one_way(relay, client, each_way);
    Ok(())
}

/// Carries one direction: one thread reads and notes when, another waits until each block's time has come.
fn one_way(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut block = vec![0; BLOCK];
        // The end of the stream, or its failure, is an empty block that takes as long as any other.
        loop {
            let read = from.read(&mut block).unwrap_or(0);
            if sender.send((Instant::now() + delay, block[..read].to_vec())).is_err() || read == 0 {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (due, block) in receiver {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if block.is_empty() || to.write_all(&block).is_err() {
                break;
            }
        }
        // It may be closed already; then there is nothing to close.
        let _ = to.shutdown(Shutdown::Write);
    });
}
