/* Frames: one type letter, a payload length of two bytes (big endian), and the payload. No I/O, no PAM. */
#pragma once
#include <stddef.h>

enum { FRAME_HEADER = 3, FRAME_PAYLOAD = 8191, FRAME_BROKEN = -1 };

struct frame {
    size_t used;                                           /* bytes so far, header included */
    unsigned char bytes[FRAME_HEADER + FRAME_PAYLOAD + 1]; /* and room for a closing NUL */
};

/* Begin a frame of our own. */
void frame_start(struct frame *frame, char type);

/* Add to the payload. Returns -1 if it does not fit. */
int frame_put(struct frame *frame, const void *bytes, size_t length);

/* How many bytes to read next, to bytes + used: 0 once the frame is whole, FRAME_BROKEN if no frame of the daemon
 * begins like this. What is read never goes beyond this frame. */
int frame_missing(const struct frame *frame);

/* The length of the payload, as the header says. */
size_t frame_length(const struct frame *frame);

/* The payload as a text of at most `limit` bytes. */
const char *frame_text(struct frame *frame, size_t limit);
