// How far a server may run ahead of us on one connection.
#pragma once

namespace engine {

// A connected TCP socket. A server that is near (this machine, this building) fills whatever buffer
// it is given before we are woken, and all that waits in there when the process dies is fetched
// once more: the buffer gets a size that no line is slowed down by at such a distance. Those
// farther away keep the one that the kernel fits to the line.
void limit_near_socket(int fd);

// Of a socket of the internet families; -1: it is none, or is bound to none.
int local_port_of(int fd);

}  // namespace engine
