//! Flow F: who works at the desk: appointing them, passwords, signing in, and sessions. A shell calls it with what was
//! typed; what goes out is who it is and what they may do. No password and no cookie is ever written down, only what
//! they hash to, and none reaches a log.

mod appointing;
mod device;
mod factor;
mod links;
mod password;
mod session;
mod sign_in;
mod tries;

pub use appointing::{AppointError, Dismissed, appoint, dismiss, give_role};
pub use device::Browser;
pub use factor::{Factor, FactorError, fresh_factor, same_factor, turn_off_factor, turn_on_factor};
pub use links::{LinkError, ask_for_link, change_own_password, choose_password, invite, link_owner};
pub use password::Passwords;
pub use session::{
    Session, forget_old_sessions, form_seal, is_form_seal, is_still_signed_in, left_signed_in, sign_out, signed_in,
};
pub use sign_in::{SignInError, SignedIn, Step, give_code, sign_in};
