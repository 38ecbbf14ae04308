/* The limit: libavcodec in a loop, one thread. Prints wall and CPU seconds, frames and bytes as JSON.
 *
 *   bare decode|rgb FILE     FILE: access units of H.264, each behind its length in four bytes
 */
#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static struct SwsContext *scaler;
static uint8_t *pixels;
static long frames;

static void die(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static double wall(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void convert(const AVFrame *frame) {
    if (!scaler) {
        scaler = sws_getContext(frame->width, frame->height, frame->format, frame->width, frame->height, AV_PIX_FMT_RGB24,
                                SWS_BILINEAR, NULL, NULL, NULL);
        pixels = malloc((size_t)frame->width * frame->height * 3);
    }
    uint8_t *planes[4] = {pixels};
    int strides[4] = {frame->width * 3};
    sws_scale(scaler, (const uint8_t *const *)frame->data, frame->linesize, 0, frame->height, planes, strides);
}

static void take(AVCodecContext *decoder, AVFrame *frame, int rgb) {
    while (avcodec_receive_frame(decoder, frame) == 0) {
        if (rgb) convert(frame);
        frames++;
    }
}

int main(int count, char **words) {
    if (count != 3) die("usage: bare decode|rgb FILE");
    const int rgb = strcmp(words[1], "rgb") == 0;
    FILE *file = fopen(words[2], "rb");
    AVCodecContext *decoder = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_H264));
    decoder->thread_count = 1;
    if (!file || avcodec_open2(decoder, NULL, NULL) < 0) die("cannot open");
    AVFrame *frame = av_frame_alloc();
    AVPacket *packet = av_packet_alloc();
    uint8_t length[4];
    long bytes = 0;
    const double began = wall(), used = cpu();
    while (fread(length, 1, 4, file) == 4) {
        const int size = (int)length[0] << 24 | length[1] << 16 | length[2] << 8 | length[3];
        if (av_new_packet(packet, size) < 0 || fread(packet->data, 1, (size_t)size, file) != (size_t)size) die("cut off");
        if (avcodec_send_packet(decoder, packet) < 0) die("cannot decode");
        av_packet_unref(packet);
        bytes += size;
        take(decoder, frame, rgb);
    }
    avcodec_send_packet(decoder, NULL);
    take(decoder, frame, rgb);
    printf("{\"wall_s\": %.6f, \"cpu_s\": %.6f, \"frames\": %ld, \"bytes\": %ld}\n", wall() - began, cpu() - used, frames, bytes);
    return 0;
}
