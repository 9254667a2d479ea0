//! Asks a person before something that cannot be taken back, in other words and another colour for what reaches readers
//! than for what does not.

use std::io::{BufRead, IsTerminal, Write};

use console::{StyledObject, style};

use crate::{domain::issue::IssueKind, newsroom::Plan};

/// What a plan is called, at the top of what is shown of it and when asked: red for what reaches readers, blue for a drill.
pub(super) fn banner(kind: IssueKind) -> StyledObject<&'static str> {
    match kind {
        IssueKind::Alert | IssueKind::Digest => style("LIVE: this reaches readers").red().bold().for_stderr(),
        IssueKind::Drill => style("DRILL: this reaches staff only, and no reader").blue().bold().for_stderr(),
    }
}

/// Asks whether to do what is planned. Needs a terminal; without one, `--yes` must have been given.
pub(super) fn to_send(plan: &Plan) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        anyhow::bail!("nobody is here to confirm: give --yes to mail {} without asking", plan.whom);
    }
    let mut prompt = std::io::stderr().lock();
    let verb = if plan.needs_second_person { "asks a second person to let it go to" } else { "mails" };
    write!(
        prompt,
        "{}\nThis {verb} {}. Type {} to send: ",
        banner(plan.kind),
        plan.whom,
        style(&plan.confirmation.word).bold().for_stderr()
    )?;
    prompt.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(plan.confirmation.agrees(&answer))
}
