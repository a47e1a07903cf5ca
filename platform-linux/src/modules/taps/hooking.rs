//! Interfaces that are sampled at their tc hooks.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;

use flowmote_core::Instant;
use log::{info, warn};

use crate::clock;
use crate::config::{Captured, Config};
use crate::links::Links;
use crate::modules::module::World;
use crate::modules::taps::capture::{
    Attachment, Capture, Hooks, Pace, TableSize, Tap, TapOptions, Way,
};
use crate::modules::taps::shared::{OWN_TAPS, SharedShape};
use crate::modules::taps::{HOOKS, HOOKS_TIMER, SHARED, SOON, Taps, forwarding};
use crate::output::Output;
use crate::selection::traits;

/// The hooks. They are opened at the start, because their programs cannot be loaded without
/// CAP_NET_ADMIN, which the daemon does not keep. Whether an interface uses them is a later question.
#[derive(Debug, Default)]
pub(super) enum Hooking {
    /// No interface could use them yet.
    #[default]
    Closed,
    Open(Box<Open>),
    /// Until the daemon is started again.
    Refused,
}

#[derive(Debug)]
pub(super) struct Open {
    hooks: Hooks,
    pace: Pace,
    /// Interfaces whose hooks were refused.
    unhookable: BTreeSet<u32>,
}

/// The interfaces by their [`Way`]: those with hooks, and the others.
pub(super) type Ways = (BTreeMap<u32, TapOptions>, BTreeMap<u32, TapOptions>);

/// The open tap, or the hooks, of a token.
pub(super) fn capture<'a>(
    taps: &'a mut BTreeMap<u32, Tap>,
    hooking: &'a mut Hooking,
    token: u32,
) -> Option<&'a mut dyn Capture> {
    match (token, hooking) {
        (HOOKS, Hooking::Open(open)) => Some(&mut open.hooks),
        _ => taps.get_mut(&token).map(|tap| tap as &mut dyn Capture),
    }
}

/// Which interfaces are to have hooks, by the configuration and the host.
#[derive(Debug)]
pub(super) struct Choice {
    requested: BTreeMap<u32, Captured>,
    /// Interfaces without a request have hooks.
    automatic: bool,
}

impl Choice {
    pub(super) fn of(wanted: &BTreeMap<u32, TapOptions>, config: &Config, links: &Links) -> Self {
        let request = |if_index: &u32| {
            let rule = config.tap_for(&traits(links.get(*if_index)?))?;
            Some((*if_index, rule.capture))
        };
        let requested: BTreeMap<_, _> = wanted.keys().filter_map(request).collect();
        let is_left_open = requested.values().any(|request| *request == Captured::Automatic);
        // Attaching and detaching hundreds of hooks one after the other takes seconds.
        let automatic = is_left_open && wanted.len() <= OWN_TAPS && forwarding::is_on();
        Self { requested, automatic }
    }

    /// Returns true if the interface is to have hooks that are attached in this way. Filters of clsact
    /// are not chosen automatically: they stay if the agent is killed.
    fn is_for(&self, if_index: u32, by: Attachment) -> bool {
        match self.requested.get(&if_index) {
            Some(Captured::Tc) => true,
            Some(Captured::Automatic) => self.automatic && by == Attachment::Tcx,
            Some(Captured::Packet) | None => false,
        }
    }

    /// The interfaces that are to have hooks that are attached in this way.
    pub(super) fn with(&self, by: Attachment, wanted: &BTreeMap<u32, TapOptions>) -> BTreeSet<u32> {
        wanted.keys().copied().filter(|if_index| self.is_for(*if_index, by)).collect()
    }

    /// Returns true if an interface requests them explicitly.
    pub(super) fn is_explicit(&self) -> bool {
        self.requested.values().any(|request| *request == Captured::Tc)
    }

    /// Returns true if interfaces have hooks now, or will when the host begins to forward packets.
    pub(super) fn may_need_hooks(&self) -> bool {
        self.requested.values().any(|request| *request != Captured::Packet)
    }
}

impl Hooking {
    fn open(wanted: &BTreeMap<u32, TapOptions>, choice: &Choice, world: &World<'_>) -> Self {
        match Open::new(wanted, choice, world) {
            Ok(open) => return Self::Open(Box::new(open)),
            Err(error) if choice.is_explicit() => warn!("tc hooks: {error}: {INSTEAD}"),
            Err(error) if choice.automatic => info!("tc hooks: {error}: {INSTEAD}"),
            // The host does not forward packets.
            Err(_) => {}
        }
        Self::Refused
    }

    /// Returns true if the ring is to be read now that it has woken the loop, not only after a pause.
    pub(super) fn is_to_be_read_now(&mut self) -> bool {
        match self {
            Self::Open(open) => open.pace.woken(),
            Self::Closed | Self::Refused => false,
        }
    }

    /// Notes that the ring was read, to its end unless there is `more`.
    pub(super) fn was_read(&mut self, more: bool) {
        if let Self::Open(open) = self {
            open.pace.read(more);
        }
    }

    /// Forgets what concerns a deleted interface.
    pub(super) fn forget(&mut self, if_index: u32) {
        if let Self::Open(open) = self {
            open.unhookable.remove(&if_index);
        }
    }

    /// Hooks that are not needed any more, to be closed apart from the event loop.
    pub(super) fn take_left(&mut self) -> Vec<OwnedFd> {
        match self {
            Self::Open(open) => open.hooks.take_left(),
            Self::Closed | Self::Refused => Vec::new(),
        }
    }

    /// All hooks, for the end of the daemon.
    pub(super) fn take_all(&mut self) -> Vec<OwnedFd> {
        match self {
            Self::Open(open) => open.hooks.take_all(),
            Self::Closed | Self::Refused => Vec::new(),
        }
    }

    /// Returns true if CAP_NET_ADMIN is needed to attach and to detach programs.
    pub(super) fn needs_privileges(&self) -> bool {
        matches!(self, Self::Open(open) if open.hooks.attachment() == Attachment::Clsact)
    }

    /// Returns true if the interface is to be sampled at its hooks, and can.
    fn is_able(&self, if_index: u32, choice: &Choice) -> bool {
        let Self::Open(open) = self else { return false };
        let Open { hooks, unhookable, .. } = open.as_ref();
        let has_place = hooks.has(if_index) || hooks.has_room_for(if_index);
        has_place && !unhookable.contains(&if_index) && choice.is_for(if_index, hooks.attachment())
    }
}

impl Open {
    fn new(
        wanted: &BTreeMap<u32, TapOptions>,
        choice: &Choice,
        world: &World<'_>,
    ) -> io::Result<Self> {
        let (table, ring) = SharedShape::for_hooks(&wanted.values().collect::<Vec<_>>());
        let hooks = open(choice, table, ring)?;
        let pace = Pace::new()?;
        world.watch_arrivals(&hooks, HOOKS)?;
        world.watch(&pace, HOOKS_TIMER)?;
        Ok(Self { hooks, pace, unhookable: BTreeSet::new() })
    }
}

impl Taps {
    /// Divides the interfaces by the way in which they are sampled.
    pub(super) fn choose_ways(
        &mut self,
        wanted: BTreeMap<u32, TapOptions>,
        world: &World<'_>,
    ) -> Ways {
        if matches!(self.hooking, Hooking::Refused) {
            return (BTreeMap::new(), wanted);
        }
        let choice = Choice::of(&wanted, world.config, world.links);
        if choice.may_need_hooks() && matches!(self.hooking, Hooking::Closed) {
            self.hooking = Hooking::open(&wanted, &choice, world);
        }
        let (mut hooked, others): Ways =
            wanted.into_iter().partition(|(index, _)| self.hooking.is_able(*index, &choice));
        hooked.values_mut().for_each(|options| options.way = Way::Hooks);
        (hooked, others)
    }

    /// Attaches the hooks of interfaces, as many as fit into one turn of the loop.
    pub(super) fn hook(
        &mut self,
        now: Instant,
        wanted: BTreeMap<u32, TapOptions>,
        world: &World<'_>,
        output: &mut Output<'_>,
    ) {
        let may_move = |_: &mut Self, _| true;
        self.open_each(wanted, may_move, |taps, options, reason| {
            if let Some(reason) = reason {
                info!("{}: moving to tc hooks, {reason}", options.name);
            }
            let if_index = options.if_index;
            if let Err(error) = taps.hook_one(now, options, world, output) {
                taps.open_throttle
                    .warn(now, format_args!("{error}: a packet socket samples instead"));
                if let Hooking::Open(open) = &mut taps.hooking {
                    open.unhookable.insert(if_index);
                }
                taps.more_at = Some(clock::now() + SOON);
            }
        });
    }

    /// Samples an interface at its hooks, in place of its present tap if there is one.
    fn hook_one(
        &mut self,
        now: Instant,
        options: TapOptions,
        world: &World<'_>,
        output: &mut Output<'_>,
    ) -> io::Result<()> {
        let if_index = options.if_index;
        self.unhook(now, if_index, output);
        let Hooking::Open(open) = &mut self.hooking else { return Ok(()) };
        open.hooks.join(&options)?;
        // The hooks start when the present tap has ended, so that no packet is counted twice.
        let shares = self.shares(if_index);
        if shares && let Some(tap) = self.taps.get(&SHARED) {
            // A shared one has no error.
            let _ = tap.stop_one(if_index);
        }
        let replaced = self.stop(if_index);
        if let Hooking::Open(open) = &self.hooking {
            open.hooks.start_one(if_index);
        }
        if shares {
            self.end(if_index);
        }
        self.retire(now, replaced, world);
        self.sampled(now, options, HOOKS);
        Ok(())
    }

    /// Stops the sampling of an interface at its hooks, if it is sampled there, so that a tap can start
    /// in their place immediately. [`unhook`](Self::unhook) follows, which takes longer.
    pub(super) fn stop_hooks(&self, if_index: u32) {
        if self.is_hooked(if_index)
            && let Hooking::Open(open) = &self.hooking
        {
            open.hooks.stop(if_index);
        }
    }

    /// Ends the sampling of an interface at its hooks, if it is sampled there, after its last samples.
    pub(super) fn unhook(&mut self, now: Instant, if_index: u32, output: &mut Output<'_>) {
        self.stop_hooks(if_index);
        if self.is_hooked(if_index) {
            self.drain_tap(now, HOOKS, output);
            self.end(if_index);
        }
    }

    fn is_hooked(&self, if_index: u32) -> bool {
        self.ports.get(&if_index).is_some_and(|port| port.tap == HOOKS)
    }
}

/// Loads the programs, for clsact only where there is no tcx and hooks are requested.
pub(super) fn open(choice: &Choice, table: TableSize, ring: u32) -> io::Result<Hooks> {
    match Hooks::open(table, ring, Attachment::Tcx) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported && choice.is_explicit() => {
            Hooks::open(table, ring, Attachment::Clsact)
        }
        result => result,
    }
}

/// What follows the reason why there are no hooks.
pub(super) const INSTEAD: &str =
    "packet sockets sample instead; forwarded packets that are sent have no input";
