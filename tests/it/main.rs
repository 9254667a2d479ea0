//! The one integration test binary. Each module is a story; names are claims.

mod alarms;
mod bad_input;
mod browser;
mod cli;
mod collect;
mod config;
mod crash;
mod crawler;
mod csv;
mod deliver;
mod demo;
mod dkim;
mod inbox;
mod intake;
mod join;
mod leave;
mod newsroom;
mod publish;
mod render;
mod schedule;
mod serve;
mod session;
mod splice;
mod store;
mod tidy;
mod world;
