//! Terminal output and keys.

use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ratatui::DefaultTerminal;
use ratatui::backend::Backend;
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
    Help,
    /// Ctrl-Z. In raw mode the terminal does not send SIGTSTP.
    Suspend,
}

impl Screen {
    pub(super) fn open() -> io::Result<Self> {
        let mut screen = Self { terminal: ratatui::try_init()?, stdin: io::stdin() };
        // The console of Linux has no alternate screen: what stood there would remain between the words.
        screen.clear()?;
        Ok(screen)
    }

    /// Clears the terminal, so that all of the next picture is drawn.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        // Not `Terminal::clear`, which asks the terminal for the position of the cursor.
        self.terminal.backend_mut().clear()?;
        self.terminal.swap_buffers();
        Ok(())
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

    /// Stops the process group, as the terminal does at Ctrl-Z, and opens the screen again when the
    /// shell continues it. Without a shell that could, the kernel ignores the signal.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        ratatui::restore();
        kill(Pid::from_raw(0), Signal::SIGTSTP)?;
        self.terminal = ratatui::try_init()?;
        self.clear()
    }

    /// The next key, without waiting; `None` if no key was pressed, `Quit` if the terminal is gone.
    pub(super) fn key(&mut self) -> io::Result<Option<Key>> {
        loop {
            // First, because crossterm reads a terminal that hung up in an endless loop.
            if self.hung_up()? {
                return Ok(Some(Key::Quit));
            }
            if !event::poll(Duration::ZERO)? {
                return Ok(None);
            }
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
    }

    fn hung_up(&self) -> io::Result<bool> {
        let mut stdin = [PollFd::new(self.fd(), PollFlags::empty())];
        poll(&mut stdin, PollTimeout::ZERO)?;
        let [stdin] = stdin;
        Ok(stdin.revents().is_some_and(|events| events.contains(PollFlags::POLLHUP)))
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
        KeyCode::Char('z') if control => Some(Key::Suspend),
        KeyCode::Char(_) if control => None,
        KeyCode::Char('q' | 'Q') | KeyCode::Esc => Some(Key::Quit),
        KeyCode::Char('?' | 'h') | KeyCode::F(1) => Some(Key::Help),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_their_meaning() {
        let key = |code, modifiers| meaning(KeyEvent::new(code, modifiers));
        let plain = |char| key(KeyCode::Char(char), KeyModifiers::NONE);
        let control = |char| key(KeyCode::Char(char), KeyModifiers::CONTROL);
        assert_eq!(plain('q'), Some(Key::Quit));
        assert_eq!(control('c'), Some(Key::Quit));
        assert_eq!((plain('?'), plain('h')), (Some(Key::Help), Some(Key::Help)));
        assert_eq!((control('z'), plain('z')), (Some(Key::Suspend), Some(Key::Char('z'))));
        assert_eq!((control('l'), control('b')), (Some(Key::Redraw), None));
        assert_eq!((plain(' '), plain('3')), (Some(Key::Char(' ')), Some(Key::Char('3'))));
    }
}
