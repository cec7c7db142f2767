/* The way to the daemon: a unix socket that nobody but the daemon's user can have put there. */
#define _GNU_SOURCE
#include "call.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { SEND_SECONDS = 2 };

/* SO_PEERCRED tells who called listen(), not who serves now, and a socket can be renamed by whoever may write its
 * folder: so the folder is checked too. A symbolic link is neither a folder nor a socket here. */
static const char *unsafe_path(const struct call *call)
{
    char folder[sizeof(call->address.sun_path)];
    struct stat status;
    char *slash;

    snprintf(folder, sizeof(folder), "%s", call->address.sun_path);
    slash = strrchr(folder, '/');
    slash[slash == folder ? 1 : 0] = '\0';
    if (lstat(folder, &status) != 0 || !S_ISDIR(status.st_mode))
        return "no such socket folder: is the daemon running?";
    if (status.st_uid != call->daemon_uid && status.st_uid != 0)
        return "refused: the socket's folder has the wrong owner";
    if (status.st_mode & (S_IWGRP | S_IWOTH))
        return "refused: others may write to the socket's folder";
    if (lstat(call->address.sun_path, &status) != 0)
        return "no socket: is the daemon running?";
    if (!S_ISSOCK(status.st_mode))
        return "refused: the socket is not a socket";
    return status.st_uid == call->daemon_uid ? NULL : "refused: the socket has the wrong owner";
}

/* A host's signal handler must not make a login fail: begin again after EINTR, until time is over. */
static int interrupted(const struct call *call)
{
    return errno == EINTR && now_ms() < call->deadline;
}

const char *connect_daemon(struct call *call)
{
    const struct timeval limit = {.tv_sec = SEND_SECONDS};
    const char *problem = unsafe_path(call);
    struct ucred peer;
    socklen_t size = sizeof(peer);

    if (problem != NULL)
        return problem;
    call->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* Before connect(): without it connect() waits for ever while the daemon's queue is full. */
    if (call->fd < 0 || setsockopt(call->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0)
        return "cannot make a socket";
    while (connect(call->fd, (struct sockaddr *)&call->address, sizeof(call->address)) != 0) {
        if (!interrupted(call))
            return "cannot connect: is the daemon running?";
    }
    if (getsockopt(call->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || size != sizeof(peer))
        return "cannot see who the daemon is";
    return peer.uid == call->daemon_uid ? NULL : "refused: the daemon runs as the wrong user";
}

int send_frame(struct call *call)
{
    size_t done = 0;

    while (done < call->frame.used) {
        /* MSG_NOSIGNAL: a SIGPIPE would kill the host. */
        ssize_t sent = send(call->fd, call->frame.bytes + done, call->frame.used - done, MSG_NOSIGNAL);

        if (sent > 0)
            done += (size_t)sent;
        else if (sent == 0 || !interrupted(call))
            break;
    }
    explicit_bzero(call->frame.bytes, call->frame.used);
    return done == call->frame.used ? 0 : -1;
}
