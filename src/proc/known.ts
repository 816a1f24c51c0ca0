/** Commands that exist on a Linux machine and are not modelled here: they are refused by name, not as unknown. */

const NOT_MODELLED: ReadonlySet<string> = new Set(
  (
    'apt apt-get awk base64 basename bc bzip2 chgrp chown chroot cmp comm cp crontab curl dd df dhclient diff dig ' +
    'dirname dmesg docker du ed emacs ethtool expr fdisk file find fmt fold free ftp fuser gawk gcc getent git gunzip ' +
    'gzip host htop iconv ifconfig ifdown ifup install ip6tables ip6tables-save iperf iperf3 ipset iptables ' +
    'iptables-restore iptables-save ipvsadm join journalctl jq kubectl less locale ls_release lsb_release lsof ltrace ' +
    'make man mawk md5sum mkfifo mknod modprobe more mount mtr mv nano nc ncat netcat netstat nft nice nmap nmcli nohup ' +
    'nproc nslookup openssl paste patch perl ping6 pidof pstree python python2 python3 readlink realpath reboot renice ' +
    'resolvectl rev rmdir route rpm rsync ruby scp screen sftp sha1sum sha256sum shuf shutdown socat split ssh ' +
    'sshd stat strace strings su sudo sync systemctl tac tar tc tcpdump telnet tmux top tracepath traceroute tty ' +
    'tshark ufw ulimit umount unshare unzip uptime useradd users vi vim vmstat w wget who xxd yes yum zcat zip ' +
    'bridge arp sysctl ss ip ping conntrack containerlab crictl ctr podman nsenter brctl vtysh dnsmasq nginx'
  ).split(' '),
)

/** Whether the name is a real command that this program does not model (where no program has the name). */
export function isNotModelled(name: string): boolean {
  return NOT_MODELLED.has(name)
}
