/* The way to the daemon: a unix socket that nobody but the daemon's user can have put there. */
#include "call.h"

#include <libgen.h>
#include <sys/stat.h>

enum { CONNECT_SECONDS = 2 };

/* SO_PEERCRED tells who called listen(), not who serves now, and a socket can be renamed by whoever may write its
 * folder: so the folder is checked too. A symbolic link is neither a folder nor a socket here. */
static const char *unsafe_path(const struct call *call) {
    char folder[sizeof(call->daemon.sun_path)];
    struct stat status;

    memcpy(folder, call->daemon.sun_path, sizeof(folder));
    if (lstat(dirname(folder), &status) != 0 || !S_ISDIR(status.st_mode))
        return "no such socket folder: is the daemon running?";
    if ((status.st_uid != call->daemon_uid && status.st_uid != 0) || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return "refused: others may write to the socket's folder";
    if (lstat(call->daemon.sun_path, &status) != 0)
        return "no socket: is the daemon running?";
    return S_ISSOCK(status.st_mode) && status.st_uid == call->daemon_uid ? NULL : "refused: this is not its socket";
}

int send_frame(struct call *call) {
    /* The socket has room for the request and every answer, so a whole frame goes at once or something is wrong.
     * MSG_NOSIGNAL: a SIGPIPE would kill the host. */
    ssize_t sent = send(call->fd, call->frame.bytes, call->frame.used, MSG_NOSIGNAL | MSG_DONTWAIT);

    explicit_bzero(call->frame.bytes, sizeof(call->frame.bytes));
    return sent == (ssize_t)call->frame.used ? 0 : -1;
}

const char *send_request(struct call *call) {
    const struct timeval limit = {.tv_sec = CONNECT_SECONDS};
    const char *problem = unsafe_path(call);
    struct ucred peer;
    socklen_t size = sizeof(peer);

    if (problem != NULL)
        return problem;
    call->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* Before connect(): without it connect() waits for ever while the daemon's queue is full. */
    if (setsockopt(call->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0)
        return "cannot make a socket";
    while (connect(call->fd, (struct sockaddr *)&call->daemon, sizeof(call->daemon)) != 0) {
        if (errno != EINTR || now_ms() >= call->deadline)
            return "cannot connect: is the daemon running?";
    }
    if (getsockopt(call->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != call->daemon_uid)
        return "refused: the daemon runs as the wrong user";
    return send_frame(call) == 0 ? NULL : "cannot send to the daemon";
}
