//! Each page of the desk in a real browser as each role may open it, with scripts and without; and who may not send, by a
//! form of their own making.

use tidings::domain::staff::Role;

use super::desk_site::{busy_house, sign_in};
use crate::world::{
    World,
    browser::{Browser, Scripts},
    desk::{ED, OLGA, PIA, VERA},
};

/// What the page says that opens to nobody, or not to this role.
const REFUSED: &str = "This did not work";

/// The pages, and the lowest role that each opens to.
async fn pages(world: &World) -> Vec<(String, Role)> {
    let of = |role, paths: &[&str]| paths.iter().map(|path| (format!("/desk{path}"), role)).collect::<Vec<_>>();
    let reader = world.app.store.subscriptions_of(&crate::world::address_of("reader1@example.org")).await;
    let reader = format!("/readers/{}", reader.expect("subscriptions")[0].subscriber.0);
    [
        of(
            Role::Viewer,
            &["", "/issues", "/issues/1", "/posts", "/posts/1", "/readers", &reader, "/lists", "/lists/news"],
        ),
        of(Role::Viewer, &["/feeds", "/feeds/site", "/relays", "/staff", "/deeds", "/account", "/account/factor"]),
        of(Role::Editor, &["/write", "/issues/1/correct", "/issues/1/withdraw"]),
        of(Role::Publisher, &["/readers/import"]),
    ]
    .concat()
}

/// Sends an alert by a form that the page did not offer, with the seal that it has for something else.
async fn send_by_a_form_of_ones_own(browser: &Browser) {
    let fields =
        "{do: 'send', list: 'news', subject: 'Ours', text: 'Ours.', window: '0s', typed: 'yes', kind: 'alert'}";
    let forge = format!(
        "const form = document.querySelector('header form'); form.action = '/desk/write';
         for (const [name, value] of Object.entries({fields})) {{
           const field = document.createElement('input'); field.name = name; field.value = value; form.append(field);
         }}
         form.submit()"
    );
    browser.ask(&forge).await;
    browser.comes_to_say("it does not allow this").await;
}

async fn each_page_opens_to_each_role_as_it_may(scripts: Scripts) {
    let world = busy_house().await;
    let browser = Browser::start(scripts).await;
    let pages = pages(&world).await;
    for (path, _) in &pages {
        browser.open(&world.page(path)).await;
        assert_eq!(browser.heading().await, "Sign in to the desk", "{path} as nobody");
    }
    let before = world.issues().await.len();
    for (address, role) in [(VERA, Role::Viewer), (ED, Role::Editor), (PIA, Role::Publisher), (OLGA, Role::Owner)] {
        sign_in(&world, &browser, address).await;
        for (path, least) in &pages {
            browser.open(&world.page(path)).await;
            assert_eq!(browser.heading().await == REFUSED, role < *least, "{path} as {}", role.as_str());
        }
        if role < Role::Publisher {
            send_by_a_form_of_ones_own(&browser).await;
            browser.examine(&format!("desk-refused-{}", role.as_str())).await;
        }
        for path in ["/desk/staff", "/desk/deeds", "/desk/account"] {
            if matches!(role, Role::Viewer | Role::Owner) {
                browser.open(&world.page(path)).await;
                browser.examine(&format!("{}-{}", path[1..].replace('/', "-"), role.as_str())).await;
            }
        }
        browser.press("Sign out").await;
    }
    assert_eq!(world.issues().await.len(), before, "nothing was made");
}

#[tokio::test]
async fn each_page_opens_to_each_role_as_it_may_with_scripts() {
    each_page_opens_to_each_role_as_it_may(Scripts::On).await;
}

#[tokio::test]
async fn each_page_opens_to_each_role_as_it_may_without_scripts() {
    each_page_opens_to_each_role_as_it_may(Scripts::Off).await;
}
