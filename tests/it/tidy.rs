//! The house rules that no compiler checks, read from the sources themselves: the floors, the habits, and documents that
//! say what is so. Each rule is tried on wrong snippets too, so that one that has gone blind is noticed.

mod documents;
mod floors;
mod habits;
mod source;
