//! Conditions that `&&`, `||` and parentheses join.

use crate::aws::logs::cursor::{Cursor, Wrong};

/// A condition of parts `T`.
#[derive(Debug)]
pub(super) enum Condition<T> {
    Any(Vec<Self>),
    All(Vec<Self>),
    Is(T),
}

impl<T> Condition<T> {
    /// Reads a condition whose parts `part` reads. `&&` binds before `||`.
    pub(super) fn read(
        cursor: &mut Cursor<'_>,
        depth: usize,
        part: &mut dyn FnMut(&mut Cursor<'_>) -> Result<T, Wrong>,
    ) -> Result<Self, Wrong> {
        let mut any = Vec::new();
        loop {
            let mut all = Vec::new();
            loop {
                all.push(Self::single(cursor, depth, part)?);
                cursor.skip_space();
                if !cursor.eat("&&") {
                    break;
                }
            }
            any.push(Self::All(all));
            if !cursor.eat("||") {
                return Ok(Self::Any(any));
            }
        }
    }

    fn single(
        cursor: &mut Cursor<'_>,
        depth: usize,
        part: &mut dyn FnMut(&mut Cursor<'_>) -> Result<T, Wrong>,
    ) -> Result<Self, Wrong> {
        cursor.skip_space();
        if cursor.peek() != Some('(') {
            return part(cursor).map(Self::Is);
        }
        let Some(depth) = depth.checked_sub(1) else {
            return Err(cursor.wrong("there are too many parentheses within each other"));
        };
        cursor.next();
        let inner = Self::read(cursor, depth, part)?;
        cursor.expect(")")?;
        Ok(inner)
    }

    pub(super) fn holds(&self, holds: &dyn Fn(&T) -> bool) -> bool {
        match self {
            Self::Any(parts) => parts.iter().any(|part| part.holds(holds)),
            Self::All(parts) => parts.iter().all(|part| part.holds(holds)),
            Self::Is(part) => holds(part),
        }
    }
}
