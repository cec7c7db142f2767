/* One call of pam_sm_authenticate, and what its parts do for it. */
#pragma once
#include "frames.h"
#include "watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <security/pam_modules.h>

struct call {
    pam_handle_t *pamh;
    struct sockaddr_un daemon;
    long long daemon_uid, seconds;
    int64_t deadline;
    int debug, fd;
    char id[17]; /* for the log of both sides; not secret */
    struct frame frame;
    struct watch watch;
};

/* A PAM item; empty if it is absent. */
const char *item_of(const struct call *call, int item);

/* Write the `A` frame. Returns -1 if a key is missing or does not fit. */
int write_request(struct call *call, const char *user, int flags);

/* Connect to the daemon, if it is ours, and send it the frame. Returns NULL, or what is wrong. */
const char *send_request(struct call *call);

/* Send the frame and wipe it. Returns -1 if that fails. */
int send_frame(struct call *call);
