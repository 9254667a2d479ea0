//! What our mail servers have in common: the inbox, which speaks SMTP, and the intake's LMTP door. A connection's bytes
//! come in; lines, contents and replies are made of them. What a command means is each server's own affair.

mod command;
mod dot;
mod talk;
mod wire;

pub use self::{
    command::{NOT_OFFERED, is_exceeded_by_mail, is_exceeded_by_rcpt, misread},
    talk::{Next, Talk},
    wire::{Content, LINE_MAX, Limits, Line, Wire, WireError},
};
