//! A list that is kept in place as long as it has one member.

/// In the order in which they came. Most have one or none.
#[derive(Clone, Debug)]
pub(crate) struct Few<T> {
    first: Option<T>,
    /// Empty where there is no first.
    more: Vec<T>,
}

impl<T> Few<T> {
    pub(crate) const fn new() -> Self {
        Self { first: None, more: Vec::new() }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.more.len()
    }

    pub(crate) fn push(&mut self, member: T) {
        if self.first.is_none() {
            self.first = Some(member);
        } else {
            self.more.push(member);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(&self.more)
    }

    /// Asks in order.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        let keeps_first = self.first.as_ref().is_some_and(&mut keep);
        self.more.retain(keep);
        if !keeps_first {
            self.first = (!self.more.is_empty()).then(|| self.more.remove(0));
        }
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Extend<T> for Few<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, members: I) {
        members.into_iter().for_each(|member| self.push(member));
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::option::IntoIter<T>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.more)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_does_what_a_vec_does(
            members in prop::collection::vec(0_u8..4, 0..6),
            kept in prop::collection::vec(0_u8..4, 0..3),
            more in prop::collection::vec(0_u8..4, 0..3),
        ) {
            let (mut few, mut vec) = (Few::new(), members.clone());
            few.extend(members);
            let (mut asked_few, mut asked_vec) = (Vec::new(), Vec::new());
            few.retain(|member| {
                asked_few.push(*member);
                kept.contains(member)
            });
            vec.retain(|member| {
                asked_vec.push(*member);
                kept.contains(member)
            });
            prop_assert_eq!(asked_few, asked_vec);
            prop_assert_eq!((few.len(), few.is_empty()), (vec.len(), vec.is_empty()));
            few.extend(more.clone());
            vec.extend(more);
            prop_assert!(few.iter().eq(&vec));
            prop_assert_eq!(few.into_iter().collect::<Vec<_>>(), vec);
        }
    }
}
