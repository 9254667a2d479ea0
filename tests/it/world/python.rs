//! Python as a second opinion: a script that reads JSON and writes JSON, run once for many questions.

use std::{
    io::Write,
    process::{Command, Stdio},
    thread,
};

use serde_json::Value;

/// What the script answers.
///
/// # Panics
/// When there is no Python that has dkimpy, or the script fails.
pub(crate) fn answer(script: &str, question: &Value) -> Value {
    let python = std::env::var("TIDINGS_TEST_PYTHON").expect(
        "TIDINGS_TEST_PYTHON names a Python that has dkimpy; run the tests by scripts/test, which finds or gets it",
    );
    let mut process = Command::new(python)
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let (mut input, question) = (process.stdin.take().expect("a pipe"), question.to_string());
    let writing = thread::spawn(move || input.write_all(question.as_bytes()));
    let ended = process.wait_with_output().expect("Python ends");
    assert!(ended.status.success(), "the script failed:\n{}", String::from_utf8_lossy(&ended.stderr));
    writing.join().expect("no panic").expect("the script reads all of the question");
    serde_json::from_slice(&ended.stdout).expect("the script answers in JSON")
}
