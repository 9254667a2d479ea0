//! Fuzzes what mail that comes in and clicked links are trusted by: addresses and the tokens in them. Any text comes
//! in; what goes out is refused, or is the same when it is read once more. It asks no store.
#![no_main]

use libfuzzer_sys::{arbitrary, arbitrary::Arbitrary, fuzz_target};
use tidings::domain::{
    address::EmailAddress,
    subscription::SubscriberId,
    token::{Claim, Purpose, Secret},
};

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    text: &'a str,
    key: [u8; 16],
    list: u16,
    subscriber: i64,
    flipped: u8,
}

fuzz_target!(|case: Case<'_>| {
    check_token(&case);
    if let Ok(address) = EmailAddress::parse(case.text) {
        check_address(&address);
    }
});

fn check_token(case: &Case<'_>) {
    let secret = Secret::new(case.key.to_vec()).expect("sixteen bytes are enough");
    assert!(secret.verify(Purpose::Leave, case.text).is_err(), "a token that we never made");
    let claim = Claim { list: case.list, subscriber: SubscriberId(case.subscriber) };
    let token = secret.sign(Purpose::Leave, claim);
    assert_eq!(secret.verify(Purpose::Leave, &token.to_uppercase()), Ok(claim));
    assert!(secret.verify(Purpose::Delivery, &token).is_err(), "a token for another purpose");
    let longer = format!("{token}{}", case.text);
    assert_eq!(secret.verify(Purpose::Leave, &longer).is_ok(), case.text.is_empty(), "{longer}");
    let mut forged = token.clone().into_bytes();
    let place = usize::from(case.flipped) % forged.len();
    forged[place] = if forged[place] == b'a' { b'b' } else { b'a' };
    let forged = String::from_utf8(forged).expect("base32 is ASCII");
    assert!(secret.verify(Purpose::Leave, &forged).is_err(), "{forged} for {token}");
}

fn check_address(address: &EmailAddress) {
    let text = address.reveal();
    let again = EmailAddress::parse(text).expect("an address reads back");
    assert_eq!(again.reveal(), text);
    assert_eq!(format!("{}@{}", address.local(), address.domain()), text);
    assert!(address.domain().is_ascii() && address.local().len() <= 64 && text.len() <= 254, "{text}");
    assert!(!text.contains(|c: char| c.is_control() || c.is_whitespace()), "{text:?}");
    assert!(!address.domain().contains(['<', '>', ',', ';', ':', '"', '@']), "{text}");
}
