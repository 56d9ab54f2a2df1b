//! Which key does what, as a table. The footer and the help are printed from it, so they agree.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Where keys are pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// Choosing between an unfinished run and a new one.
    Start,
    /// Moving over the questions.
    Form,
    /// Typing an answer.
    Edit,
    /// Picking an answer from a list.
    Pick,
    /// Reading the plan that waits for approval.
    Review,
    /// Watching a run.
    Live,
    /// Reading how it ended.
    Done,
    /// Watching a recorded run.
    Player,
    /// Typing what to find in it.
    Seek,
    /// Reading the help.
    Help,
    /// Confirming.
    Confirm,
}

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// To the first row.
    First,
    /// To the last row.
    Last,
    /// To the next row that matters: a problem, a change.
    NextMark,
    /// To the one before.
    PreviousMark,
    /// Scrolls the text up.
    ScrollUp,
    /// Scrolls the text down.
    ScrollDown,
    /// Opens, edits or chooses what has the focus.
    Open,
    /// Closes, or goes back.
    Back,
    /// The next choice.
    Next,
    /// The choice before.
    Previous,
    /// Takes an own answer back.
    Forget,
    /// Starts the run, which begins by looking.
    Plan,
    /// Chooses the way out of a conflict that has the key's number.
    Choose,
    /// Approves what is asked.
    Approve,
    /// Approves what is asked and all that follows.
    ApproveAll,
    /// Declines it.
    Decline,
    /// Changes between result and steps.
    Switch,
    /// Shows or hides the chain on the whole screen.
    Chain,
    /// Plays or pauses.
    Play,
    /// One event back.
    Rewind,
    /// One event on.
    Advance,
    /// Plays faster.
    Faster,
    /// Plays slower.
    Slower,
    /// To the beginning of the recording.
    Begin,
    /// To its end.
    End,
    /// To where the next step begins or ends.
    NextStep,
    /// To where one began or ended before.
    PreviousStep,
    /// To where the next task begins or ends.
    NextTask,
    /// To where one began or ended before.
    PreviousTask,
    /// To the next event that somebody should look at.
    NextProblem,
    /// To the one before.
    PreviousProblem,
    /// Shows what changed at this moment: beside, on the whole screen, not.
    Moment,
    /// Shows or hides the wire log around this moment.
    Wire,
    /// Asks for a text to find.
    Find,
    /// To the next match.
    NextMatch,
    /// To the one before.
    PreviousMatch,
    /// Asks for a place to go to.
    GoTo,
    /// Confirms.
    Yes,
    /// Takes it back.
    No,
    /// Shows or hides the help.
    Help,
    /// Leaves.
    Quit,
    /// Stops; how hard depends on how often.
    Stop,
}

/// A row of the table.
#[derive(Debug)]
pub struct Binding {
    /// Where it holds.
    pub contexts: &'static [Context],
    /// The keys.
    pub keys: &'static [Key],
    /// The keys in words.
    pub shown: &'static str,
    /// What they do, in a word or three for the footer.
    pub short: &'static str,
    /// What they do, for the help.
    pub long: &'static str,
    /// What is asked for.
    pub action: Action,
}

/// A key with or without Control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Alone. Shift is part of the character.
    Plain(KeyCode),
    /// With Control.
    Control(char),
}

use Context::{Confirm, Done, Edit, Form, Help, Live, Pick, Player, Review, Seek, Start};
use Key::{Control, Plain};

const STEPS: &[Context] = &[Form, Review, Live, Done, Player];
const READING: &[Context] = &[Start, Form, Review, Live, Done, Player];

/// The table. Its order is the order in the footer, most needed first.
pub static BINDINGS: &[Binding] = &[
    row(
        &[Confirm],
        &[Plain(KeyCode::Char('y'))],
        "y",
        "yes",
        "does it",
        Action::Yes,
    ),
    row(
        &[Confirm],
        &[Plain(KeyCode::Char('n')), Plain(KeyCode::Esc)],
        "n",
        "no",
        "does not",
        Action::No,
    ),
    row(
        &[Review],
        &[Plain(KeyCode::Char('a'))],
        "a",
        "approve",
        "approves what is shown; changes begin",
        Action::Approve,
    ),
    row(
        &[Review],
        &[Plain(KeyCode::Char('A'))],
        "A",
        "approve the rest",
        "approves what is shown and everything after it",
        Action::ApproveAll,
    ),
    row(
        &[Review],
        &[Plain(KeyCode::Char('d'))],
        "d",
        "decline",
        "declines; nothing of it is changed",
        Action::Decline,
    ),
    row(
        &[Form],
        &[Plain(KeyCode::Char('p'))],
        "p",
        "make the plan",
        "looks at account, cluster and clone and makes the plan; changes nothing",
        Action::Plan,
    ),
    row(
        &[Done],
        &[
            Plain(KeyCode::Char('1')),
            Plain(KeyCode::Char('2')),
            Plain(KeyCode::Char('3')),
            Plain(KeyCode::Char('4')),
            Plain(KeyCode::Char('5')),
            Plain(KeyCode::Char('6')),
            Plain(KeyCode::Char('7')),
            Plain(KeyCode::Char('8')),
            Plain(KeyCode::Char('9')),
        ],
        "1-9",
        "choose",
        "chooses what to do about a conflict, or takes it back",
        Action::Choose,
    ),
    row(
        &[Done],
        &[Plain(KeyCode::Char('p'))],
        "p",
        "plan again",
        "makes the plan again with what was chosen; changes nothing",
        Action::Plan,
    ),
    row(
        &[Player],
        &[Plain(KeyCode::Char(' '))],
        "Space",
        "play/pause",
        "plays or pauses",
        Action::Play,
    ),
    row(
        &[Player],
        &[Plain(KeyCode::Esc)],
        "Esc",
        "back",
        "closes what has the whole screen",
        Action::Back,
    ),
    row(
        &[Player],
        &[Plain(KeyCode::Left)],
        "←",
        "",
        "one event back",
        Action::Rewind,
    ),
    row(
        &[Player],
        &[Plain(KeyCode::Right)],
        "→",
        "event",
        "one event on",
        Action::Advance,
    ),
    row(
        &[Player],
        &[Plain(KeyCode::Char(']'))],
        "]",
        "step",
        "to where the next step begins to act, is done, failed or left out",
        Action::NextStep,
    ),
    row(
        &[Player],
        &[Plain(KeyCode::Char('m'))],
        "m",
        "moment",
        "shows what changed at this moment: beside the steps, on the whole screen, not at all",
        Action::Moment,
    ),
    row(
        &[Player],
        &[Plain(KeyCode::Char('w'))],
        "w",
        "wire",
        "shows the wire log around this moment on the whole screen; its own requests are marked",
        Action::Wire,
    ),
    row(
        &[Player],
        &[Plain(KeyCode::Char('/'))],
        "/",
        "find",
        "finds a text in steps, notes, changes, errors, requests and their ids",
        Action::Find,
    ),
    row(
        &[Player],
        &[Plain(KeyCode::Char('n'))],
        "n",
        "next match",
        "to the next match",
        Action::NextMatch,
    ),
    row(
        &[Player],
        &[Plain(KeyCode::Char('N'))],
        "N",
        "",
        "to the match before",
        Action::PreviousMatch,
    ),
    row(
        &[Player],
        &[Plain(KeyCode::Char('e'))],
        "e",
        "problem",
        "to the next event that failed or is worth a look",
        Action::NextProblem,
    ),
    row(
        &[Player],
        &[Plain(KeyCode::Char('E'))],
        "E",
        "",
        "to the one before",
        Action::PreviousProblem,
    ),
    row(
        &[Player],
        &[Plain(KeyCode::Char('g'))],
        "g",
        "go to",
        "goes to an event by its number or time, to a step, to a task",
        Action::GoTo,
    ),
    row(
        &[Player],
        &[Plain(KeyCode::Char('['))],
        "[",
        "",
        "to where a step began or ended before",
        Action::PreviousStep,
    ),
    row(
        &[Player],
        &[Plain(KeyCode::Char('}'))],
        "}",
        "",
        "to where the next task, the plan or the run begins or ends",
        Action::NextTask,
    ),
    row(
        &[Player],
        &[Plain(KeyCode::Char('{'))],
        "{",
        "",
        "to where one began or ended before",
        Action::PreviousTask,
    ),
    row(
        &[Start, Form, Pick],
        &[Plain(KeyCode::Enter)],
        "Enter",
        "choose",
        "edits or chooses what has the focus",
        Action::Open,
    ),
    row(
        &[Edit],
        &[Plain(KeyCode::Enter)],
        "Enter",
        "take",
        "takes the value",
        Action::Open,
    ),
    row(
        &[Seek],
        &[Plain(KeyCode::Enter)],
        "Enter",
        "go",
        "goes there; to the first match from here on",
        Action::Open,
    ),
    row(
        &[Review, Live, Done],
        &[Plain(KeyCode::Enter)],
        "Enter",
        "details",
        "shows the details of the step on the whole screen",
        Action::Open,
    ),
    row(
        &[Player],
        &[Plain(KeyCode::Enter)],
        "Enter",
        "go to step",
        "goes to the moment when the chosen step ended",
        Action::Open,
    ),
    row(
        &[Live, Done, Player],
        &[Plain(KeyCode::Char('c'))],
        "c",
        "chain",
        "shows the chain of the proof, link by link, on the whole screen",
        Action::Chain,
    ),
    row(
        &[Edit, Pick, Help, Seek],
        &[Plain(KeyCode::Esc)],
        "Esc",
        "close",
        "closes without a change",
        Action::Back,
    ),
    row(
        &[Form],
        &[Plain(KeyCode::Esc)],
        "Esc",
        "back",
        "goes back to the choice at the start",
        Action::Back,
    ),
    row(
        &[Review],
        &[Plain(KeyCode::Esc)],
        "Esc",
        "back",
        "declines the plan and returns to the answers; closes the details first",
        Action::Back,
    ),
    row(
        &[Live, Done],
        &[Plain(KeyCode::Esc)],
        "Esc",
        "back",
        "closes the details, then goes back to result or answers",
        Action::Back,
    ),
    row(
        &[Done],
        &[Plain(KeyCode::Tab)],
        "Tab",
        "result/steps",
        "changes between the result and the steps",
        Action::Switch,
    ),
    row(
        &[Form, Review],
        &[Plain(KeyCode::Tab)],
        "Tab",
        "next",
        "goes to the next problem or change",
        Action::NextMark,
    ),
    row(
        &[Form, Review],
        &[Plain(KeyCode::BackTab)],
        "Shift-Tab",
        "",
        "goes to the problem or change before",
        Action::PreviousMark,
    ),
    row(
        READING,
        &[Plain(KeyCode::Up), Plain(KeyCode::Char('k'))],
        "↑ k",
        "",
        "one row up",
        Action::Up,
    ),
    row(
        READING,
        &[Plain(KeyCode::Down), Plain(KeyCode::Char('j'))],
        "↓ j",
        "",
        "one row down",
        Action::Down,
    ),
    row(
        &[Pick, Help],
        &[Plain(KeyCode::Up)],
        "↑",
        "",
        "one row up",
        Action::Up,
    ),
    row(
        &[Pick, Help],
        &[Plain(KeyCode::Down)],
        "↓",
        "",
        "one row down",
        Action::Down,
    ),
    row(
        &[Form],
        &[Plain(KeyCode::Right), Plain(KeyCode::Char(' '))],
        "→",
        "next choice",
        "takes the next choice, yes or no",
        Action::Next,
    ),
    row(
        &[Form],
        &[Plain(KeyCode::Left)],
        "←",
        "",
        "takes the choice before",
        Action::Previous,
    ),
    row(
        &[Form],
        &[Plain(KeyCode::Delete), Plain(KeyCode::Backspace)],
        "Del",
        "take back",
        "takes your answer back; what was known before counts again",
        Action::Forget,
    ),
    row(
        &[Player],
        &[Plain(KeyCode::Char('+')), Plain(KeyCode::Char('='))],
        "+",
        "faster",
        "plays faster",
        Action::Faster,
    ),
    row(
        &[Player],
        &[Plain(KeyCode::Char('-'))],
        "-",
        "slower",
        "plays slower",
        Action::Slower,
    ),
    row(
        &[Player],
        &[Plain(KeyCode::Home)],
        "Home",
        "begin",
        "goes to the beginning",
        Action::Begin,
    ),
    row(
        &[Player],
        &[Plain(KeyCode::End)],
        "End",
        "end",
        "goes to the end",
        Action::End,
    ),
    row(
        &[Player],
        &[Plain(KeyCode::Tab)],
        "Tab",
        "result/steps",
        "changes between the result and the steps at the end",
        Action::Switch,
    ),
    row(
        &[Start, Form, Pick, Review, Live, Done, Help],
        &[Plain(KeyCode::Home)],
        "Home",
        "",
        "to the first row",
        Action::First,
    ),
    row(
        &[Start, Form, Pick, Review, Live, Done, Help],
        &[Plain(KeyCode::End)],
        "End",
        "",
        "to the last row",
        Action::Last,
    ),
    row(
        STEPS,
        &[
            Plain(KeyCode::PageUp),
            Control('u'),
            Plain(KeyCode::Char('K')),
        ],
        "PgUp",
        "",
        "scrolls the text up",
        Action::ScrollUp,
    ),
    row(
        STEPS,
        &[
            Plain(KeyCode::PageDown),
            Control('d'),
            Plain(KeyCode::Char('J')),
        ],
        "PgDn",
        "scroll",
        "scrolls the text down",
        Action::ScrollDown,
    ),
    row(
        &[Help],
        &[Plain(KeyCode::PageUp)],
        "PgUp",
        "",
        "scrolls up",
        Action::ScrollUp,
    ),
    row(
        &[Help],
        &[Plain(KeyCode::PageDown)],
        "PgDn",
        "scroll",
        "scrolls down",
        Action::ScrollDown,
    ),
    row(
        READING,
        &[Plain(KeyCode::Char('?')), Plain(KeyCode::F(1))],
        "?",
        "help",
        "shows this help",
        Action::Help,
    ),
    row(
        &[Help],
        &[
            Plain(KeyCode::Char('?')),
            Plain(KeyCode::F(1)),
            Plain(KeyCode::Char('q')),
        ],
        "?",
        "",
        "closes the help",
        Action::Back,
    ),
    row(
        READING,
        &[Plain(KeyCode::Char('q'))],
        "q",
        "quit",
        "leaves; asks first while a run is active",
        Action::Quit,
    ),
    row(
        &[
            Start, Form, Edit, Pick, Review, Live, Done, Player, Seek, Help, Confirm,
        ],
        &[Control('c')],
        "Ctrl-C",
        "",
        "leaves; during a run the first stops before the next change, the second stops at once, \
         the third leaves the program",
        Action::Stop,
    ),
];

const fn row(
    contexts: &'static [Context],
    keys: &'static [Key],
    shown: &'static str,
    short: &'static str,
    long: &'static str,
    action: Action,
) -> Binding {
    Binding {
        contexts,
        keys,
        shown,
        short,
        long,
        action,
    }
}

/// Returns the rows of a context, in order.
pub fn bindings(context: Context) -> impl Iterator<Item = &'static Binding> {
    BINDINGS
        .iter()
        .filter(move |binding| binding.contexts.contains(&context))
}

/// Returns what the key asks for there.
pub fn lookup(context: Context, key: KeyEvent) -> Option<Action> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let pressed = match key.code {
        KeyCode::Char(letter) if control => Key::Control(letter.to_ascii_lowercase()),
        _ if control || key.modifiers.contains(KeyModifiers::ALT) => return None,
        code => Key::Plain(code),
    };
    let mut rows = bindings(context);
    rows.find(|binding| binding.keys.contains(&pressed))
        .map(|binding| binding.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Context; 11] = [
        Start, Form, Edit, Pick, Review, Live, Done, Player, Seek, Help, Confirm,
    ];

    #[test]
    fn no_key_means_two_things_in_one_place() {
        for context in ALL {
            let mut seen = Vec::new();
            for key in bindings(context).flat_map(|binding| binding.keys) {
                assert!(!seen.contains(&key), "{key:?} twice in {context:?}");
                seen.push(key);
            }
        }
    }

    #[test]
    fn stopping_works_everywhere_and_leaving_from_every_screen() {
        let stop = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        for context in ALL {
            assert_eq!(lookup(context, stop), Some(Action::Stop));
        }
        for context in READING {
            assert_eq!(
                lookup(*context, KeyCode::Char('q').into()),
                Some(Action::Quit)
            );
            assert_eq!(lookup(*context, KeyCode::F(1).into()), Some(Action::Help));
        }
    }

    #[test]
    fn letters_are_text_while_typing() {
        for letter in "aqpjk? ".chars() {
            assert_eq!(lookup(Edit, KeyCode::Char(letter).into()), None);
            assert_eq!(lookup(Pick, KeyCode::Char(letter).into()), None);
            assert_eq!(lookup(Seek, KeyCode::Char(letter).into()), None);
        }
    }
}
