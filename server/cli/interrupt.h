// Ctrl-C as a flag: whoever computes or waits looks at it,
// and nothing is torn down in a signal handler.
#pragma once

namespace engine::cli {

void catch_interrupts();  // from now on SIGINT sets the flag; blocking calls return with EINTR
bool interrupted();
void clear_interrupt();

}  // namespace engine::cli
