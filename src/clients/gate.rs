//! The gate that everything passes on its way out of this process: requests, programs, file writes.
//!
//! It stands open, unless somebody keeps it: to record a run, to answer from a recording, or to try
//! what becomes of a run that is stopped right here.

use std::fmt;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use bytes::Bytes;
use futures::future::BoxFuture;

/// Something that is about to be done outside of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Who does it: `aws`, `azure`, `kubernetes`, `git`, `kustomize`, `files`, `journal`,
    /// `clock`.
    pub client: &'static str,
    /// What is done, in the words of the wire log: `iam:CreateRole`, `GET /api/v1/namespaces/rok`.
    pub operation: String,
    /// What goes out with it: of a request the target and the body, of a program its input.
    pub input: Bytes,
    /// Whether it changes something.
    pub write: bool,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status, or the exit code of a program.
    pub status: u16,
    /// The headers of an HTTP answer; of a program what it wrote to standard error, as `stderr`.
    pub headers: Vec<(String, String)>,
    /// The body, or what a program wrote to standard output.
    pub body: Bytes,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// With an answer, whatever it says.
    Answered(Answer),
    /// Without one.
    Failed(String),
    /// The caller stopped waiting for it.
    GivenUp,
}

/// How a call ends that is not made, once its time has come.
pub type Instead = BoxFuture<'static, io::Result<Ended>>;

/// Somebody who keeps the gate.
pub trait Keeper: Send + Sync {
    /// Called before the call goes out; an answer is taken in its place, so that it never does.
    ///
    /// # Errors
    ///
    /// When it must not be made.
    fn before(&self, call: &Call) -> io::Result<Option<Answer>>;

    /// Called after that; what is returned takes the place of making the call, failures too, and
    /// may let the caller wait.
    fn instead(&self, _call: &Call) -> Option<Instead> {
        None
    }

    /// Called once when it has ended, before the caller learns how.
    ///
    /// # Errors
    ///
    /// When the caller must not learn it.
    fn after(&self, call: &Call, ended: &Ended) -> io::Result<()>;
}

/// Everybody who keeps the gate, asked one after the other.
#[derive(Clone, Default)]
pub struct Gate {
    keepers: Vec<Arc<dyn Keeper>>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Gate({} keepers)", self.keepers.len())
    }
}

impl Gate {
    /// Adds a keeper, behind those that are there.
    pub fn add(&mut self, keeper: Arc<dyn Keeper>) {
        self.keepers.push(keeper);
    }

    /// Asks to let a call pass. It is only put together when somebody asks for it.
    ///
    /// # Errors
    ///
    /// When it must not be made.
    pub fn pass(&self, call: impl FnOnce() -> Call) -> io::Result<Passage> {
        if self.keepers.is_empty() {
            return Ok(Passage {
                going: None,
                instead: None,
            });
        }
        let call = call();
        let mut passage = Passage {
            instead: None,
            going: Some(Going {
                keepers: Vec::with_capacity(self.keepers.len()),
                call,
            }),
        };
        for keeper in &self.keepers {
            let going = passage.going.as_mut().expect("it was just made");
            let instead = match keeper.before(&going.call)? {
                Some(answer) => Some(ready(answer)),
                None => keeper.instead(&going.call),
            };
            going.keepers.push(Arc::clone(keeper));
            if instead.is_some() {
                passage.instead = instead;
                break;
            }
        }
        Ok(passage)
    }
}

/// A call that was let through, until its end is told. Dropped before that, it was given up.
pub struct Passage {
    going: Option<Going>,
    instead: Option<Instead>,
}

fn ready(answer: Answer) -> Instead {
    Box::pin(async { Ok(Ended::Answered(answer)) })
}

/// The call, and the keepers that have seen it go.
struct Going {
    keepers: Vec<Arc<dyn Keeper>>,
    call: Call,
}

impl Passage {
    /// Whether somebody wants to know how it ends.
    pub fn is_watched(&self) -> bool {
        self.going.is_some()
    }

    /// Returns how the call ends that must not be made, when it is so. One that was given up is
    /// waited for until the caller gives it up again.
    ///
    /// # Errors
    ///
    /// When it must not be made and has no end.
    pub async fn instead(&mut self) -> io::Result<Option<Ended>> {
        match self.instead.take() {
            Some(instead) => match instead.await? {
                Ended::GivenUp => std::future::pending().await,
                ended => Ok(Some(ended)),
            },
            None => Ok(None),
        }
    }

    /// Does the same where blocking is fine.
    ///
    /// # Errors
    ///
    /// When it must not be made and has no end.
    pub fn instead_blocking(&mut self) -> io::Result<Option<Ended>> {
        block_on(self.instead())
    }

    /// Tells how the call has ended; the answer is only put together when somebody wants it.
    ///
    /// # Errors
    ///
    /// When the caller must not learn it.
    pub fn end(mut self, ended: impl FnOnce() -> Ended) -> io::Result<()> {
        match self.going.take() {
            Some(going) => going.tell(&ended()),
            None => Ok(()),
        }
    }

    /// Tells that what was done locally is done; there is no answer to it.
    ///
    /// # Errors
    ///
    /// When the caller must not go on.
    pub fn done(self) -> io::Result<()> {
        self.end(|| {
            Ended::Answered(Answer {
                status: 0,
                headers: Vec::new(),
                body: Bytes::new(),
            })
        })
    }
}

/// Waits on this very thread, which need not know of any runtime.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}

impl Going {
    fn tell(&self, ended: &Ended) -> io::Result<()> {
        // Every one of them hears it, also after one that refuses.
        self.keepers
            .iter()
            .map(|keeper| keeper.after(&self.call, ended))
            .fold(Ok(()), io::Result::and)
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if let Some(going) = self.going.take() {
            // Nobody is left to tell.
            going.tell(&Ended::GivenUp).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Notes {
        said: Mutex<Vec<String>>,
        instead: Option<Answer>,
        refuses: bool,
    }

    impl Keeper for Notes {
        fn before(&self, call: &Call) -> io::Result<Option<Answer>> {
            self.said
                .lock()
                .unwrap()
                .push(format!("before {}", call.operation));
            if self.refuses {
                return Err(io::Error::other("stopped"));
            }
            Ok(self.instead.clone())
        }

        fn after(&self, call: &Call, ended: &Ended) -> io::Result<()> {
            let how = match ended {
                Ended::Answered(answer) => format!("answered {}", answer.status),
                Ended::Failed(error) => format!("failed: {error}"),
                Ended::GivenUp => "given up".into(),
            };
            self.said
                .lock()
                .unwrap()
                .push(format!("{} {how}", call.operation));
            Ok(())
        }
    }

    fn call() -> Call {
        Call {
            client: "aws",
            operation: "iam:GetRole".into(),
            input: Bytes::new(),
            write: false,
        }
    }

    fn answer(status: u16) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    #[test]
    fn a_call_is_seen_going_out_and_ending_once() {
        let notes = Arc::new(Notes::default());
        let mut gate = Gate::default();
        gate.add(Arc::clone(&notes) as Arc<dyn Keeper>);
        let passage = gate.pass(call).unwrap();
        passage.end(|| Ended::Answered(answer(200))).unwrap();
        drop(gate.pass(call).unwrap());
        assert_eq!(
            *notes.said.lock().unwrap(),
            [
                "before iam:GetRole",
                "iam:GetRole answered 200",
                "before iam:GetRole",
                "iam:GetRole given up",
            ]
        );
    }

    #[test]
    fn who_answers_or_refuses_keeps_it_from_those_behind() {
        let behind = Arc::new(Notes::default());
        let with = |first: Notes| {
            let mut gate = Gate::default();
            gate.add(Arc::new(first));
            gate.add(Arc::clone(&behind) as Arc<dyn Keeper>);
            gate
        };
        let answers = with(Notes {
            instead: Some(answer(404)),
            ..Notes::default()
        });
        let mut passage = answers.pass(call).unwrap();
        let instead = passage.instead_blocking().unwrap();
        assert_eq!(instead, Some(Ended::Answered(answer(404))));
        let refuses = with(Notes {
            refuses: true,
            ..Notes::default()
        });
        assert!(refuses.pass(call).is_err());
        assert!(behind.said.lock().unwrap().is_empty());
    }

    #[test]
    fn an_open_gate_costs_nothing() {
        let mut passage = Gate::default()
            .pass(|| unreachable!("nobody asked"))
            .unwrap();
        assert!(passage.instead_blocking().unwrap().is_none() && !passage.is_watched());
        passage.end(|| unreachable!("nobody asked")).unwrap();
    }
}
