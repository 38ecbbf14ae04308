/* The limit: librdkafka in a loop, with the settings of framehop. Prints wall and CPU seconds, messages and bytes as JSON.
 *
 *   bare produce BOOTSTRAP TOPIC SIZE COUNT HEADERS
 *   bare consume BOOTSTRAP TOPIC PARTITIONS COUNT
 *   bare version
 */
#include <librdkafka/rdkafka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define POOL 16
#define BATCH 64

static long delivered, failed;

static void die(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
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

static void report(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
    (void)client;
    (void)opaque;
    if (message->err)
        failed++;
    else
        delivered++;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char why[512];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) die(name, why);
}

static rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf) {
    char why[512];
    rd_kafka_t *made = rd_kafka_new(type, conf, why, sizeof why);
    if (!made) die("client", why);
    return made;
}

static void print(double began, double used, long messages, long bytes) {
    printf("{\"wall_s\": %.6f, \"cpu_s\": %.6f, \"messages\": %ld, \"bytes\": %ld}\n", wall() - began, cpu() - used,
           messages, bytes);
}

static void produce(const char *bootstrap, const char *topic, size_t size, long count, int headers) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "enable.idempotence", "true");
    set(conf, "acks", "all");
    set(conf, "linger.ms", "1");
    set(conf, "compression.type", "none");
    set(conf, "message.max.bytes", "8388608");
    set(conf, "queue.buffering.max.kbytes", "65536");
    rd_kafka_conf_set_dr_msg_cb(conf, report);
    rd_kafka_t *producer = client(RD_KAFKA_PRODUCER, conf);
    char *pool[POOL];
    for (int i = 0; i < POOL; i++) {
        pool[i] = malloc(size);
        for (size_t at = 0; at < size; at++) pool[i][at] = (char)(random() >> 7);
    }
    double began = wall(), used = cpu();
    for (long i = 0; i < count; i++) {
        rd_kafka_headers_t *list = rd_kafka_headers_new((size_t)headers);
        for (int h = 0; h < headers; h++) rd_kafka_header_add(list, "ce_header_name", 14, "2026-01-31T12:00:00", 19);
        rd_kafka_resp_err_t error;
        for (;;) {
            error = rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                                      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY("cam", 3),
                                      RD_KAFKA_V_VALUE(pool[i % POOL], size), RD_KAFKA_V_HEADERS(list), RD_KAFKA_V_END);
            if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) break;
            rd_kafka_poll(producer, 10);
        }
        if (error) die("produce", rd_kafka_err2str(error));
        rd_kafka_poll(producer, 0);
    }
    while (delivered + failed < count) rd_kafka_poll(producer, 100);
    if (failed) die("produce", "not all were delivered");
    print(began, used, delivered, delivered * (long)size);
    rd_kafka_destroy(producer);
}

static void consume(const char *bootstrap, const char *topic, int partitions, long count) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "group.id", "bare");
    set(conf, "enable.auto.commit", "false");
    set(conf, "fetch.wait.max.ms", "50");
    set(conf, "queued.max.messages.kbytes", "16384");
    rd_kafka_t *consumer = client(RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(partitions);
    for (int p = 0; p < partitions; p++) rd_kafka_topic_partition_list_add(all, topic, p)->offset = 0;
    double began = wall(), used = cpu();
    rd_kafka_assign(consumer, all);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
    rd_kafka_message_t *batch[BATCH];
    long got = 0, bytes = 0;
    unsigned char seen = 0;
    while (got < count) {
        ssize_t n = rd_kafka_consume_batch_queue(queue, 10, batch, BATCH);
        for (ssize_t i = 0; i < n; i++) {
            if (!batch[i]->err) {
                got++;
                bytes += (long)batch[i]->len;
                seen ^= ((unsigned char *)batch[i]->payload)[batch[i]->len / 2];
            }
            rd_kafka_message_destroy(batch[i]);
        }
    }
    print(began, used, got, bytes);
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_partition_list_destroy(all);
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    if (seen == 0xff) fputc(' ', stderr);
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "version")) {
        puts(rd_kafka_version_str());
        return 0;
    }
    if (argc < 6) die("usage", "bare produce|consume BOOTSTRAP TOPIC SIZE|PARTITIONS COUNT [HEADERS]");
    if (!strcmp(argv[1], "produce"))
        produce(argv[2], argv[3], (size_t)atol(argv[4]), atol(argv[5]), argc > 6 ? atoi(argv[6]) : 0);
    else
        consume(argv[2], argv[3], atoi(argv[4]), atol(argv[5]));
    return 0;
}
