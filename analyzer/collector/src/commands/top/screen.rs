//! Terminal output and keys.

use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line as Styled, Text};
use ratatui::widgets::Paragraph;

use super::view::{Line, Role};

/// The terminal, in full-screen mode until dropped.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    stdin: io::Stdin,
}

/// The meaning of a key or terminal event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Quit,
    Char(char),
    NextPage,
    /// Ctrl-L or a change of the terminal size.
    Redraw,
}

impl Screen {
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self { terminal: ratatui::try_init()?, stdin: io::stdin() })
    }

    /// The descriptor to poll for keys.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.stdin.as_fd()
    }

    /// Width and height in characters.
    pub(super) fn size(&self) -> io::Result<(usize, usize)> {
        let size = self.terminal.size()?;
        Ok((size.width.into(), size.height.into()))
    }

    pub(super) fn draw(&mut self, lines: &[Line]) -> io::Result<()> {
        let text: Text<'_> =
            lines.iter().map(|line| Styled::styled(line.text.as_str(), style(line.role))).collect();
        self.terminal.draw(|frame| frame.render_widget(Paragraph::new(text), frame.area()))?;
        Ok(())
    }

    /// The next key, without waiting; `None` if no key was pressed.
    pub(super) fn key(&mut self) -> io::Result<Option<Key>> {
        while event::poll(Duration::ZERO)? {
            match event::read()? {
                // Terminals with the kitty protocol report the release of a key as well.
                Event::Key(key) if key.kind != KeyEventKind::Release => {
                    if let Some(key) = meaning(key) {
                        return Ok(Some(key));
                    }
                }
                Event::Resize(..) => return Ok(Some(Key::Redraw)),
                _ => {}
            }
        }
        Ok(None)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn meaning(key: KeyEvent) -> Option<Key> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c' | 'd') if control => Some(Key::Quit),
        KeyCode::Char('l') if control => Some(Key::Redraw),
        KeyCode::Char('q' | 'Q') | KeyCode::Esc => Some(Key::Quit),
        KeyCode::Char(char) => Some(Key::Char(char)),
        KeyCode::Tab | KeyCode::Right => Some(Key::NextPage),
        _ => None,
    }
}

fn style(role: Role) -> Style {
    match role {
        Role::Title => Style::new().add_modifier(Modifier::BOLD),
        Role::Header => Style::new().add_modifier(Modifier::REVERSED),
        Role::Warning => Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        Role::Row => Style::new(),
    }
}
