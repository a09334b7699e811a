//! A network that hosts have to themselves.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::process::{self, Command};
use std::thread;

use nix::sched::{CloneFlags, unshare};

use crate::host::Host;
use crate::image::Image;
use crate::machine;
use crate::slot::{AT_ONCE, Slot};

/// A bridge that hosts are on together. No way leads out of it, not even to the machine of the
/// test; the hosts see each other and nothing else.
///
/// The hosts of a network are alone on the machine of the test: [`Network::new`] waits until no
/// other host runs.
///
/// ```no_run
/// use toque_acceptance::{Image, Network};
///
/// let network = Network::new();
/// let [web, client] = network.boot(Image::Debian12, [("web1", [10, 0, 0, 11]), ("client", [10, 0, 0, 100])]);
/// client.ok(["getent", "hosts", "client"]);
/// assert_eq!(web.read("/etc/hostname"), "web1\n");
/// ```
#[derive(Debug)]
pub struct Network {
    /// The network namespace that the bridge is in, and the only thing that keeps it: it goes
    /// with the process that has it open, however that ends, and takes the bridge along.
    namespace: File,
    slots: [Slot; AT_ONCE],
}

const BRIDGE: &str = "bridge";

impl Network {
    pub fn new() -> Network {
        machine::require_root();
        machine::install_needed();
        let slots = Slot::take();
        // Only a thread enters a namespace, and the programs that it starts.
        let making = thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET)
                .unwrap_or_else(|error| panic!("cannot make a network namespace: {error}"));
            machine::call(
                Command::new("ip").args(["link", "add", "name", BRIDGE, "type", "bridge"]),
            );
            machine::call(Command::new("ip").args(["link", "set", BRIDGE, "up"]));
            File::open("/proc/thread-self/ns/net")
                .unwrap_or_else(|error| panic!("cannot keep a network namespace: {error}"))
        });
        let namespace = making.join().expect("the network is made, or its thread has said why not");
        Network { namespace, slots }
    }

    /// Boots machines that call themselves and have the addresses that `members` says, in a
    /// network of 256 addresses.
    pub fn boot<const COUNT: usize>(
        &self,
        image: Image,
        members: [(&str, [u8; 4]); COUNT],
    ) -> [Host; COUNT] {
        let prepared = image.prepared();
        let boot = |(hostname, address): (&str, [u8; 4])| {
            let host = Host::boot_in(self.slots[0].clone(), image, &prepared, hostname);
            self.attach(&host, hostname, address.into());
            host
        };
        thread::scope(|scope| {
            let booting = members.map(|member| scope.spawn(move || boot(member)));
            booting.map(|host| host.join().expect("a host boots, or its thread has said why not"))
        })
    }

    /// Lays a cable between the bridge and a host, which is called as the host on the bridge and
    /// `eth0` on the host.
    fn attach(&self, host: &Host, hostname: &str, address: Ipv4Addr) {
        let namespace = format!("--net=/proc/{}/fd/{}", process::id(), self.namespace.as_raw_fd());
        let leader = host.leader_pid().to_string();
        let bridge = |words: &[&str]| {
            machine::call(Command::new("nsenter").args([&namespace, "ip"]).args(words))
        };
        bridge(&[
            "link", "add", "name", hostname, "master", BRIDGE, "type", "veth", "peer", "name",
            "eth0", "netns", &leader,
        ]);
        bridge(&["link", "set", hostname, "up"]);
        // By the machine's `ip`: the host may have none.
        let inside = |words: &[&str]| {
            machine::call(
                Command::new("nsenter").args(["--target", &leader, "--net", "ip"]).args(words),
            )
        };
        inside(&["address", "add", &format!("{address}/24"), "dev", "eth0"]);
        inside(&["link", "set", "eth0", "up"]);
    }
}

impl Default for Network {
    fn default() -> Network {
        Network::new()
    }
}
