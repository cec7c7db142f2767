#include "frames.h"

#include <string.h>

size_t frame_length(const struct frame *frame) {
    return (size_t)frame->bytes[1] << 8 | frame->bytes[2];
}

void frame_start(struct frame *frame, char type) {
    memcpy(frame->bytes, (const char[FRAME_HEADER]){type}, FRAME_HEADER);
    frame->used = FRAME_HEADER;
}

int frame_put(struct frame *frame, const void *bytes, size_t length) {
    if (length > FRAME_HEADER + FRAME_PAYLOAD - frame->used)
        return -1;
    memcpy(frame->bytes + frame->used, bytes, length);
    frame->used += length;
    frame->bytes[1] = (unsigned char)((frame->used - FRAME_HEADER) >> 8);
    frame->bytes[2] = (unsigned char)((frame->used - FRAME_HEADER) & 0xff);
    return 0;
}

int frame_missing(const struct frame *frame) {
    if (frame->used < FRAME_HEADER)
        return (int)(FRAME_HEADER - frame->used);
    if (memchr("IEPQR", frame->bytes[0], 5) == NULL || frame_length(frame) > FRAME_PAYLOAD)
        return FRAME_BROKEN;
    return (int)(FRAME_HEADER + frame_length(frame) - frame->used);
}

const char *frame_text(struct frame *frame, size_t limit) {
    size_t length = frame_length(frame);

    frame->bytes[FRAME_HEADER + (length < limit ? length : limit)] = '\0';
    return (const char *)frame->bytes + FRAME_HEADER;
}
