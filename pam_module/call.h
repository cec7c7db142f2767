/* One call of pam_sm_authenticate, from the options to the result. */
#pragma once

#include <stdint.h>
#include <sys/un.h>

#include <security/pam_modules.h>

#include "frames.h"
#include "watch.h"

enum { MAX_USER = 256 };

struct call {
    pam_handle_t *pamh;
    struct sockaddr_un address; /* of the daemon */
    long long daemon_uid;
    long long seconds;
    int debug;
    int64_t deadline;
    int fd;
    char id[17]; /* for the log of both sides; not secret */
    struct frame frame;
    struct watch watch;
};

/* A PAM item; empty if it is absent. */
const char *item_of(const struct call *call, int item);

/* Write the `A` frame. Returns -1 if a key is missing or does not fit. */
int write_request(struct call *call, const char *user, int flags);

/* Connect to the daemon, if it is ours. Returns NULL, or what is wrong. */
const char *connect_daemon(struct call *call);

/* Send the frame and wipe it. Returns -1 if that fails. */
int send_frame(struct call *call);
