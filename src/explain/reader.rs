//! The reader's part of an explanation: what they are subscribed to, and what became of a mailing to them; or why they were
//! not among its readers.

use jiff::Timestamp;

use crate::{
    app::App,
    domain::{
        address::EmailAddress,
        delivery::DeliveryState,
        issue::{IssueKind, IssueState},
        slug::Slug,
        subscription::{SubscriberId, Subscription, SubscriptionState, Wanted},
    },
    store::{
        StoreError,
        deliveries::{Filter, StoredDelivery},
        issues::StoredIssue,
        suppressions::Suppression,
    },
};

/// What is known of the reader who is asked about.
pub(super) struct Reader {
    address: EmailAddress,
    number: Option<SubscriberId>,
    subscriptions: Vec<Subscription>,
    suppressions: Vec<Suppression>,
}

impl Reader {
    pub(super) async fn of(app: &App, address: &EmailAddress) -> Result<Self, StoreError> {
        Ok(Self {
            address: address.clone(),
            number: app.store.subscriber_of(address).await?,
            subscriptions: app.store.subscriptions_of(address).await?,
            suppressions: app.store.suppressions_of(address).await?,
        })
    }

    fn subscription(&self, list: &Slug) -> Option<&Subscription> {
        self.subscriptions.iter().find(|subscription| subscription.list == *list)
    }

    /// Whether they get a list, since when, and what of it.
    pub(super) fn subscribed(&self, list: &Slug) -> String {
        let address = &self.address;
        let Some(it) = self.subscription(list) else { return format!("{address} was never on the list `{list}`.") };
        let part = match (it.choice.digests, it.choice.alerts) {
            (Wanted::Yes, Wanted::Yes) => "",
            (Wanted::Yes, Wanted::No) => ", and wants its digests only",
            (Wanted::No, Wanted::Yes) => ", and wants its alerts only",
            (Wanted::No, Wanted::No) => ", and wants nothing of it",
        };
        match (it.state, it.ended_at) {
            (SubscriptionState::Active, _) => {
                format!("{address} is on `{list}` since {} (consent: {}){part}.", it.began_at, it.consent.as_str())
            }
            (SubscriptionState::Ended, Some(at)) => {
                format!("{address} is off `{list}` since {at}: {}.", it.ended_reason)
            }
            (SubscriptionState::Ended, None) => format!("{address} is off `{list}`: {}.", it.ended_reason),
        }
    }

    /// Why they get nothing of a list, whatever they are subscribed to.
    pub(super) fn suppressed(&self, list: &Slug) -> Vec<String> {
        let of_list = self.suppressions.iter().filter(|it| it.list.as_ref().is_none_or(|of| of == list));
        let told = of_list
            .map(|it| format!("{} is suppressed for `{list}` since {}: {}.", self.address, it.made_at, it.reason));
        told.collect()
    }

    /// What became of an issue's mailing to them; or why there was none.
    pub(super) async fn mailed(&self, app: &App, issue: &StoredIssue) -> Result<Vec<String>, StoreError> {
        let Some(queued_at) = issue.queued_at else { return Ok(Vec::new()) };
        let filter = Filter { issue: Some(issue.id), address: Some(self.address.clone()), ..Filter::default() };
        let deliveries = app.store.deliveries(&filter, 10).await?;
        let mut steps = Vec::new();
        if deliveries.is_empty() {
            let why = self.why_not_among(issue, queued_at);
            steps.push(format!("{} was not among its readers when it was queued: {why}.", self.address));
        }
        for delivery in &deliveries {
            steps.push(self.fared(delivery, issue));
            steps.extend(self.came_back(app, delivery).await?);
        }
        Ok(steps)
    }

    /// Why an issue was not queued to them, as far as what is known now tells.
    fn why_not_among(&self, issue: &StoredIssue, queued_at: Timestamp) -> String {
        let Some(it) = self.subscription(&issue.list) else {
            return match self.number {
                Some(_) => "they were not on the list".to_owned(),
                None => "nothing is known of them: they never asked, or were erased".to_owned(),
            };
        };
        let barred = self.suppressions.iter().find(|suppression| {
            suppression.made_at <= queued_at && suppression.list.as_ref().is_none_or(|of| *of == issue.list)
        });
        let wanted = match issue.kind {
            IssueKind::Digest => it.choice.digests,
            IssueKind::Alert | IssueKind::Drill => it.choice.alerts,
        };
        match (it.ended_at.filter(|at| *at <= queued_at), barred) {
            _ if it.began_at > queued_at => format!("they joined later, at {}", it.began_at),
            (Some(at), _) => format!("they had left at {at}"),
            (None, Some(barred)) => format!("they were suppressed since {}", barred.made_at),
            (None, None) if wanted == Wanted::No => match issue.kind {
                IssueKind::Digest => "they have turned digests off".to_owned(),
                IssueKind::Alert | IssueKind::Drill => "they have turned alerts off".to_owned(),
            },
            (None, None) => "they had had it by another list, or what they get was changed since".to_owned(),
        }
    }

    fn fared(&self, delivery: &StoredDelivery, issue: &StoredIssue) -> String {
        let tries = match delivery.attempts {
            0 => "not tried yet".to_owned(),
            1 => "tried once".to_owned(),
            count => format!("tried {count} times"),
        };
        let answer = delivery.answer.as_ref().map(|answer| format!(": {answer}")).unwrap_or_default();
        let next = match (delivery.try_at, delivery.state) {
            (Some(at), _) => format!("; to be tried at {at}"),
            (None, state) if !state.is_settled() && state != DeliveryState::Sending => {
                if issue.state == IssueState::Held { "; it waits for the issue to be released" } else { "; it waits" }
                    .to_owned()
            }
            (None, _) => String::new(),
        };
        format!(
            "The delivery to {} was queued at {}, {tries}, and is {} since {}{answer}{next}.",
            self.address,
            delivery.queued_at,
            delivery.state.as_str(),
            delivery.changed_at
        )
    }

    async fn came_back(&self, app: &App, delivery: &StoredDelivery) -> Result<Vec<String>, StoreError> {
        let bounces = app.store.bounces_of(delivery.subscriber).await?;
        let of_this = bounces.into_iter().filter(|bounce| bounce.mailing == delivery.mailing);
        Ok(of_this
            .map(|it| format!("At {} it came back ({}): {}.", it.at, it.said.kind.as_str(), it.said.words))
            .collect())
    }
}
