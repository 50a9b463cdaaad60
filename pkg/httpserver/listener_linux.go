package httpserver

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// refuseHandshakes makes a listening socket ignore clients that begin to
// connect, while those who have begun may finish. It is a socket filter over
// the TCP header (RFC 9293 §3.1): drop what has SYN and not ACK. A dropped
// client tries again after a second and finds the port closed, or somebody
// else there.
func refuseHandshakes(ln net.Listener) {
	const flags, syn, ack, whole = 13, 0x02, 0x10, 0xffffffff
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: flags},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: syn | ack},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: syn, Jt: 0, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: whole},
	}
	socket, ok := ln.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return
	}
	// Where filters are forbidden, a client may be reset at the last moment.
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	})
}
