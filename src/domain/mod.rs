//! Floor 0: pure types and rules of the trade. What comes in is plain values, what goes out is plain values.
//! Nothing here does I/O, asks the time, or knows another floor.

pub mod address;
pub mod alarm;
pub mod bounce;
pub mod colour;
pub mod consent;
pub mod delivery;
pub mod dkim;
pub mod event;
pub mod feed;
pub mod hook;
pub mod issue;
pub mod link_pattern;
pub mod links;
pub mod list;
pub mod mailing;
pub mod network;
pub mod number;
pub mod phrases;
pub mod post;
pub mod rate;
pub mod relay;
pub mod report;
pub mod request;
pub mod run;
pub mod schedule;
pub mod sender;
pub mod slug;
pub mod span;
pub mod staff;
pub mod subscription;
pub mod suppression;
pub mod token;
pub mod urgency;
pub mod websub;
pub mod wire;
