#include "frames.h"

#include <string.h>

static const char daemon_types[] = {'I', 'E', 'P', 'Q', 'R'};

void frame_start(struct frame *frame, char type)
{
    frame->bytes[0] = (unsigned char)type;
    frame->used = FRAME_HEADER;
    frame_put(frame, "", 0);
}

int frame_put(struct frame *frame, const void *bytes, size_t length)
{
    if (length > FRAME_HEADER + FRAME_PAYLOAD - frame->used)
        return -1;
    memcpy(frame->bytes + frame->used, bytes, length);
    frame->used += length;
    frame->bytes[1] = (unsigned char)((frame->used - FRAME_HEADER) >> 8);
    frame->bytes[2] = (unsigned char)((frame->used - FRAME_HEADER) & 0xff);
    return 0;
}

int frame_missing(const struct frame *frame)
{
    size_t whole = FRAME_HEADER;

    if (frame->used >= FRAME_HEADER) {
        whole += frame_length(frame);
        if (memchr(daemon_types, frame->bytes[0], sizeof(daemon_types)) == NULL || whole > FRAME_HEADER + FRAME_PAYLOAD)
            return FRAME_BROKEN;
    }
    return (int)(whole - frame->used);
}

size_t frame_length(const struct frame *frame)
{
    return (size_t)frame->bytes[1] << 8 | frame->bytes[2];
}

const char *frame_text(struct frame *frame, size_t limit)
{
    size_t length = frame_length(frame);

    frame->bytes[FRAME_HEADER + (length < limit ? length : limit)] = '\0';
    return (const char *)frame->bytes + FRAME_HEADER;
}
