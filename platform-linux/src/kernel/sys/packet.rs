//! AF_PACKET sockets, packet(7).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use libc::{c_int, sock_filter, sockaddr_ll};

use super::bpf::owned;
use super::mmap::Mapping;
use super::ring::{BlockRing, Geometry};
use super::syscall::{Call, call};

/// An AF_PACKET socket for frames with link-layer header (SOCK_RAW). It receives nothing before
/// [`bind`](Self::bind).
#[derive(Debug)]
pub(crate) struct PacketSocket {
    fd: OwnedFd,
}

impl PacketSocket {
    /// Opens the socket.
    ///
    /// # Errors
    /// `EPERM` without `CAP_NET_RAW` in the user namespace of this network namespace.
    pub(crate) fn open() -> io::Result<Self> {
        // Protocol 0 registers no receive hook (net/packet/af_packet.c, packet_create). With
        // ETH_P_ALL unfiltered packets of all interfaces would enter before filter and ring are set.
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        let fd = owned(call(Call::Socket { domain: libc::AF_PACKET, kind, protocol: 0 })?)?;
        let socket = Self { fd };
        socket.set_int(libc::SOL_PACKET, libc::PACKET_VERSION, TPACKET_V3)?;
        Ok(socket)
    }

    /// Attaches an eBPF socket filter, which replaces any other filter.
    pub(crate) fn attach_bpf(&self, program: BorrowedFd<'_>) -> io::Result<()> {
        self.set_int(libc::SOL_SOCKET, libc::SO_ATTACH_BPF, program.as_raw_fd())
    }

    /// Attaches a classic BPF program, which replaces any other filter.
    pub(crate) fn attach_classic(&self, program: &[sock_filter]) -> io::Result<()> {
        call(Call::AttachClassic { fd: self.fd.as_raw_fd(), program }).map(drop)
    }

    /// Requests a `virtio_net_hdr` before each frame, which describes how a super-packet is segmented.
    ///
    /// # Errors
    /// `EBUSY` after the ring was created, `EINVAL` or `ENOPROTOOPT` if the kernel does not support
    /// it.
    pub(crate) fn enable_vnet_header(&self) -> io::Result<()> {
        self.set_int(libc::SOL_PACKET, libc::PACKET_VNET_HDR, 1)
    }

    /// Excludes outgoing packets (Linux 4.20 and later): on loopback each packet is also received.
    ///
    /// # Errors
    /// `ENOPROTOOPT` on older kernels.
    pub(crate) fn ignore_outgoing(&self) -> io::Result<()> {
        self.set_int(libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, 1)
    }

    /// Holds an interface in promiscuous mode until the socket is closed, or ends that.
    ///
    /// # Errors
    /// `ENODEV` if there is no such interface, `EADDRNOTAVAIL` if it was not held.
    pub(crate) fn set_promiscuous(&self, if_index: u32, on: bool) -> io::Result<()> {
        // struct packet_mreq: ifindex, type, address length, address.
        let mut request = [0; 16];
        let fields = if_index.to_ne_bytes().into_iter();
        let fields = fields.chain((libc::PACKET_MR_PROMISC as u16).to_ne_bytes());
        request.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        let name = if on { libc::PACKET_ADD_MEMBERSHIP } else { libc::PACKET_DROP_MEMBERSHIP };
        self.set(libc::SOL_PACKET, name, &request)
    }

    /// Creates the receive ring and maps it. After an error the socket has no ring.
    ///
    /// # Errors
    /// `ENOMEM` if the kernel cannot allocate it or this process may not map it, `EINVAL` for invalid
    /// dimensions.
    pub(crate) fn receive_ring(&self, geometry: Geometry) -> io::Result<BlockRing> {
        // Under RLIMIT_AS a ring that just fits leaves nothing for the heap, and the next
        // allocation would abort the process.
        let _left_over = Mapping::reserve(LEFT_OVER)?;
        // struct tpacket_req3: block size, blocks, frame size, frames, timeout (ms), private size,
        // features. Frames have variable length in version 3, but packet_set_ring still requires
        // that frame size and count match the blocks.
        let frames = geometry.length() / FRAME_SIZE as usize;
        let words = [
            geometry.block_size,
            geometry.blocks,
            FRAME_SIZE,
            u32::try_from(frames).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?,
            geometry.retire_ms,
            0,
            0,
        ];
        self.set_ring(words)?;
        BlockRing::map(self.fd.as_fd(), geometry).inspect_err(|_| {
            // The kernel refuses a second ring with EBUSY. That of zero blocks frees the first.
            let _ = self.set_ring([0; 7]);
        })
    }

    fn set_ring(&self, words: [u32; 7]) -> io::Result<()> {
        let mut request = [0; 28];
        let bytes = words.iter().flat_map(|word| word.to_ne_bytes());
        request.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        self.set(libc::SOL_PACKET, libc::PACKET_RX_RING, &request)
    }

    /// Ends reception: from here on the filter keeps nothing, and what is in the ring stays there.
    pub(crate) fn stop(&self) -> io::Result<()> {
        let nothing =
            sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: 0 };
        self.attach_classic(&[nothing])
    }

    /// Starts to receive packets of every protocol, in both directions, from the interface, or from
    /// all interfaces of the network namespace if it is 0.
    ///
    /// # Errors
    /// `ENODEV` if there is no such interface. An interface that is down is not an error: the socket
    /// has ENETDOWN pending and receives packets after the interface comes up.
    pub(crate) fn bind(&self, if_index: u32) -> io::Result<()> {
        let mut address = EMPTY_ADDRESS;
        address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        address.sll_ifindex = if_index.cast_signed();
        call(Call::Bind { fd: self.fd.as_raw_fd(), address: &address }).map(drop)
    }

    /// The ifIndex that the socket is bound to; -1 after that interface was deleted
    /// (net/packet/af_packet.c, `packet_notifier`).
    pub(crate) fn bound_interface(&self) -> io::Result<i32> {
        let mut address = EMPTY_ADDRESS;
        call(Call::Name { fd: self.fd.as_raw_fd(), address: &mut address })?;
        Ok(address.sll_ifindex)
    }

    /// Number of skbs that passed the filter but found no free block, since the last call: the kernel
    /// clears the counter on read (`packet_getsockopt`).
    pub(crate) fn lost_skbs(&self) -> io::Result<u32> {
        // struct tpacket_stats_v3: packets, drops, queue freezes.
        let mut statistics = [0; 12];
        self.read(libc::SOL_PACKET, libc::PACKET_STATISTICS, &mut statistics)?;
        let [_, _, _, _, drops @ .., _, _, _, _] = statistics;
        Ok(u32::from_ne_bytes(drops))
    }

    /// The pending error of the socket (SO_ERROR), cleared on read.
    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        let mut errno = [0; 4];
        self.read(libc::SOL_SOCKET, libc::SO_ERROR, &mut errno)?;
        let errno = i32::from_ne_bytes(errno);
        Ok((errno != 0).then(|| io::Error::from_raw_os_error(errno)))
    }

    fn set_int(&self, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
        self.set(level, name, &value.to_ne_bytes())
    }

    fn set(&self, level: c_int, name: c_int, value: &[u8]) -> io::Result<()> {
        call(Call::SetOption { fd: self.fd.as_raw_fd(), level, name, value }).map(drop)
    }

    fn read(&self, level: c_int, name: c_int, value: &mut [u8]) -> io::Result<()> {
        let length = value.len();
        let written = call(Call::GetOption { fd: self.fd.as_raw_fd(), level, name, value })?;
        if written < length {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        Ok(())
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

const EMPTY_ADDRESS: sockaddr_ll = sockaddr_ll {
    sll_family: libc::AF_PACKET as u16,
    sll_protocol: 0,
    sll_ifindex: 0,
    sll_hatype: 0,
    sll_pkttype: 0,
    sll_halen: 0,
    sll_addr: [0; 8],
};

/// Bytes of address space that a ring leaves to heap and threads.
const LEFT_OVER: usize = 2 << 20;
/// `enum tpacket_versions`.
const TPACKET_V3: c_int = 2;
/// Divides every block size, which is a multiple of the page size.
const FRAME_SIZE: u32 = 2048;
