//! Why there is no answer: what may go better another time, and what never will.

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(super) struct Unanswered {
    pub(super) how: How,
    pub(super) reason: String,
}

/// In which way there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// The time was up.
    TimedOut,
    /// Nobody was reached, or nobody said anything.
    NotSent,
    /// The answer broke off.
    CutOff,
    /// It will never be sent: nothing is gained by another attempt.
    Never,
}

impl How {
    /// Returns what the wire log says.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::TimedOut => "timed out",
            Self::NotSent => "not sent, or no answer",
            Self::CutOff => "answer cut off or unreadable",
            Self::Never => "refused",
        }
    }
}

impl Unanswered {
    /// Puts it into words that [`Unanswered::told`] understands.
    pub(super) fn tell(&self) -> String {
        let how = match self.how {
            How::TimedOut => "timeout",
            How::NotSent => "io",
            How::CutOff => "cut off",
            How::Never => "user",
        };
        format!("{how}: {}", self.reason)
    }

    /// Reads what was told of an earlier one.
    pub(super) fn told(text: &str) -> Self {
        let (how, reason) = text.split_once(": ").unwrap_or(("user", text));
        Self {
            how: match how {
                "timeout" => How::TimedOut,
                "io" => How::NotSent,
                "cut off" => How::CutOff,
                _ => How::Never,
            },
            reason: reason.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_of_a_failure_is_understood() {
        for how in [How::TimedOut, How::NotSent, How::CutOff, How::Never] {
            let failed = Unanswered {
                how,
                reason: "a: b".into(),
            };
            assert_eq!(Unanswered::told(&failed.tell()), failed);
        }
    }
}
