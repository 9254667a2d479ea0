//! A mail of ours as a page of its own, to be shown in a frame of a page of ours. HTML comes in as it would be mailed; it
//! runs nothing, sends nothing, and stands in no frame of others.

use axum::{
    http::header,
    response::{Html, IntoResponse, Response},
};

/// As a mail program would show it: styles, and pictures from wherever they are.
const POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src https: http: data:; \
     frame-ancestors 'self'";

/// The mail, for a frame.
pub(super) fn mail_in_a_frame(html: String) -> Response {
    let headers = [(header::CONTENT_SECURITY_POLICY, POLICY), (header::X_FRAME_OPTIONS, "SAMEORIGIN")];
    (headers, Html(html)).into_response()
}
