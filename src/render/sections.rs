//! A digest's posts by section: a list's setting names categories, and each post stands under the first of its own that
//! is named. Posts come in, newest first; they go out in the order of the sections, within each as they came.

use crate::domain::post::StoredPost;

/// The posts of each section that has some, with its name; those of none come last, under the name `other`. Where all are
/// of none, as for a list that names no section, they stand under no name.
pub(super) fn gathered<'a>(
    named: &'a [String],
    other: &'a str,
    posts: &'a [StoredPost],
) -> Vec<(&'a str, Vec<&'a StoredPost>)> {
    let place = |post: &StoredPost| {
        let mut categories = post.post.categories.iter();
        categories.find_map(|category| named.iter().position(|name| is_same(name, category)))
    };
    let mut sections: Vec<(&str, Vec<&StoredPost>)> = Vec::new();
    let names = named.iter().map(String::as_str).enumerate().map(|(at, name)| (name, Some(at)));
    for (name, at) in names.chain([(other, None)]) {
        let of_it: Vec<&StoredPost> = posts.iter().filter(|post| place(post) == at).collect();
        if !of_it.is_empty() {
            let is_all = at.is_none() && sections.is_empty();
            sections.push((if is_all { "" } else { name }, of_it));
        }
    }
    sections
}

/// As a person compares names: case and blanks around do not count.
fn is_same(name: &str, category: &str) -> bool {
    name.trim().to_lowercase() == category.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::gathered;
    use crate::{
        domain::{issue::Content, post::StoredPost},
        render::sample,
    };

    fn posts(categories: &[&[&str]]) -> Vec<StoredPost> {
        let Content::Post(post) = sample::alert().content else { panic!("the sample alert is a post") };
        let named = |names: &&[&str]| {
            let mut post = (*post).clone();
            post.post.categories = names.iter().map(|name| (*name).to_owned()).collect();
            post.post.title = names.join("+");
            post
        };
        categories.iter().map(named).collect()
    }

    fn said(sections: &[&str], categories: &[&[&str]]) -> Vec<String> {
        let named: Vec<String> = sections.iter().map(|name| (*name).to_owned()).collect();
        let posts = posts(categories);
        let sections = gathered(&named, "More", &posts);
        let titles = |posts: &[&StoredPost]| posts.iter().map(|post| post.post.title.clone()).collect::<Vec<_>>();
        sections.iter().map(|(name, posts)| format!("{name}: {}", titles(posts).join(", "))).collect()
    }

    #[test]
    fn a_post_stands_under_the_first_of_its_categories_that_is_a_section() {
        assert_eq!(
            said(&["Statements", "Events"], &[&["events "], &["News"], &["News", "Statements", "Events"], &["EVENTS"]]),
            ["Statements: News+Statements+Events", "Events: events , EVENTS", "More: News"]
        );
    }

    #[test]
    fn where_nothing_has_a_section_there_is_none() {
        assert_eq!(said(&[], &[&["a"], &[]]), [": a, "]);
        assert_eq!(said(&["Events"], &[&["a"], &[]]), [": a, "]);
        assert_eq!(said(&["Events"], &[&["Events"]]), ["Events: Events"]);
        assert_eq!(said(&["Events"], &[]), [""; 0]);
    }
}
