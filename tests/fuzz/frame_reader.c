/*
 * The PAM module's frame reader under libFuzzer: `make -C pam_module fuzz`, then pam_module/build/fuzz_frames FOLDER.
 *
 * The first byte of an input says how many bytes arrive at a time, the rest is what a daemon sends. Whatever that is:
 * the reader stays within its buffer, asks for no byte of the next frame, and sees the frames that are there.
 */
#include "frames.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 511 };

static void expect(int truth) {
    if (!truth)
        abort();
}

/* Read one frame. Returns how many bytes that took, 0 if no whole frame is there. */
static size_t read_frame(struct frame *frame, const uint8_t *bytes, size_t size, size_t step) {
    int missing;

    for (frame->used = 0; (missing = frame_missing(frame)) > 0;) {
        size_t left = size - frame->used, got = (size_t)missing < step ? (size_t)missing : step;

        if (left == 0)
            return 0;
        got = got < left ? got : left;
        memcpy(frame->bytes + frame->used, bytes + frame->used, got);
        frame->used += got;
    }
    if (missing == FRAME_BROKEN)
        expect(strchr("IEPQR", bytes[0]) == NULL || bytes[0] == 0 || (bytes[1] << 8 | bytes[2]) > FRAME_PAYLOAD);
    return missing == FRAME_BROKEN ? 0 : frame->used;
}

/* Write the payload of a frame that was read into one of our own, in pieces: it comes out the same. */
static void write_frame(const struct frame *frame, size_t step) {
    static const char filler[509];
    struct frame *ours = malloc(sizeof(*ours));
    const size_t length = frame_length(frame);

    frame_start(ours, (char)frame->bytes[0]);
    for (size_t done = 0; done < length; done += step)
        expect(frame_put(ours, frame->bytes + FRAME_HEADER + done, step < length - done ? step : length - done) == 0);
    expect(ours->used == frame->used && memcmp(ours->bytes, frame->bytes, frame->used) == 0);
    while (frame_put(ours, filler, sizeof(filler)) == 0)
        ;
    expect(ours->used > FRAME_PAYLOAD + FRAME_HEADER - sizeof(filler) && frame_length(ours) == ours->used - FRAME_HEADER);
    free(ours);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    /* On the heap, where ASan sees each byte beyond its end. */
    struct frame *frame = malloc(sizeof(*frame));
    const size_t step = size > 0 && bytes[0] > 0 ? bytes[0] : 1;

    for (size_t at = 1, taken; at < size && (taken = read_frame(frame, bytes + at, size - at, step)) > 0; at += taken) {
        expect(taken == FRAME_HEADER + frame_length(frame));
        expect(frame_length(frame) == (size_t)(bytes[at + 1] << 8 | bytes[at + 2]));
        expect(memcmp(frame->bytes, bytes + at, taken) == 0);
        write_frame(frame, step);
        expect(strlen(frame_text(frame, LIMIT)) <= LIMIT);
        expect(strncmp(frame_text(frame, LIMIT), (const char *)bytes + at + FRAME_HEADER, frame_length(frame)) == 0
               || frame_length(frame) > LIMIT);
    }
    free(frame);
    return 0;
}
