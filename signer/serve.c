/*
 * serve.c: the signer's socket.
 */
#include "serve.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "judge.h"

#define CLIENTS_MAX 1000
#define BACKLOG 128
#define READ_AT_ONCE 65536

typedef struct Client
{
	int sock;
	Buffer in;
	Buffer out;
} Client;

typedef struct Server
{
	Store *store;
	int listener;
	int count;
	Client client[CLIENTS_MAX];
	struct pollfd poll[1 + CLIENTS_MAX];
} Server;

static volatile sig_atomic_t stopping = 0;
static volatile sig_atomic_t reloading = 0;

static void
on_stop(int number)
{
	(void) number;
	stopping = 1;
}

static void
on_reload(int number)
{
	(void) number;
	reloading = 1;
}

/* --- the socket ---------------------------------------------------------------------- */

/* Listens. A socket that is left from before is removed: the log's lock says that no other process serves it. */
static int
listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	size_t len = strlen(path);

	if (len >= sizeof(address.sun_path))
		die("the socket's path is too long");
	memcpy(address.sun_path, path, len + 1);
	unlink(path);
	/* Who may ask is decided by the peer's user. */
	umask(0111);
	if (sock < 0 || bind(sock, (struct sockaddr *) &address, sizeof(address)) != 0 || listen(sock, BACKLOG) != 0)
		die("%s: %s", path, strerror(errno));
	umask(0077);
	return sock;
}

/* May the user at the other end ask? */
static bool
is_peer(const Store *store, int sock)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return false;
	for (int i = 0; i < store->peer_count; i++)
		if (store->peer[i] == peer.uid)
			return true;
	say("user %ld may not ask", (long) peer.uid);
	return false;
}

/* Takes connections that wait. */
static void
accept_clients(Server *server)
{
	while (server->count < CLIENTS_MAX)
	{
		int sock = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (sock < 0)
			return;
		if (is_peer(server->store, sock))
			server->client[server->count++] = (Client){.sock = sock};
		else
			close(sock);
	}
}

/* Lets a client go; it is taken off the list by remove_closed(). */
static void
close_client(Client *client)
{
	close(client->sock);
	client->sock = -1;
	buffer_free(&client->in);
	buffer_free(&client->out);
}

/* Closes the gaps that clients have left who are gone. */
static void
remove_closed(Server *server)
{
	int kept = 0;

	for (int i = 0; i < server->count; i++)
		if (server->client[i].sock >= 0)
			server->client[kept++] = server->client[i];
	server->count = kept;
}

/* --- clients -------------------------------------------------------------------------- */

/* Reads what a client has sent; false where it is gone. */
static bool
read_client(Client *client)
{
	for (;;)
	{
		ssize_t len = recv(client->sock, buffer_reserve(&client->in, READ_AT_ONCE), READ_AT_ONCE, 0);

		if (len > 0)
			client->in.len += (size_t) len;
		if (len > 0 && len < READ_AT_ONCE)
			return true;
		if (len == 0)
			return false;
		if (len < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
		if (client->in.len > DCEP_WIRE_MAX + READ_AT_ONCE)
			return true; /* answered first */
	}
}

/* Judges the requests of a client that are complete; false where it speaks another language. */
static bool
judge_client(Store *store, Client *client)
{
	while (client->in.len >= DCEP_WIRE_HEAD_LEN)
	{
		size_t len = dcep_get_u32(client->in.data);
		const uint8_t *body = client->in.data + DCEP_WIRE_HEAD_LEN;

		if (len < 1 || len > DCEP_WIRE_MAX)
			return false;
		if (client->in.len < 4 + len)
			return true;
		judge_request(store, client->in.data[4], (DcepReader){body, body + len - 1}, &client->out);
		if (store->book.pending.len > BOOK_FULL)
			book_flush(&store->book);
		buffer_drop(&client->in, 4 + len);
	}
	return true;
}

/* Sends what a client can take; false where it is gone. */
static bool
answer_client(Client *client)
{
	while (client->out.len > 0)
	{
		ssize_t len = send(client->sock, client->out.data, client->out.len, MSG_NOSIGNAL);

		if (len < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
		buffer_drop(&client->out, (size_t) len);
	}
	return true;
}

/* --- the loop ------------------------------------------------------------------------- */

/* Waits for anything. */
static void
wait_for_work(Server *server, const sigset_t *unblocked)
{
	server->poll[0] = (struct pollfd){.fd = server->count < CLIENTS_MAX ? server->listener : -1, .events = POLLIN};
	for (int i = 0; i < server->count; i++)
	{
		const Client *client = &server->client[i];

		server->poll[1 + i] =
			(struct pollfd){.fd = client->sock, .events = (short) (POLLIN | (client->out.len > 0 ? POLLOUT : 0))};
	}
	if (ppoll(server->poll, (nfds_t) server->count + 1, NULL, unblocked) < 0)
		for (int i = 0; i <= server->count; i++)
			server->poll[i].revents = 0;
}

/* One round: read and judge all, write the log once, answer all. */
static void
do_round(Server *server)
{
	int count = server->count;

	for (int i = 0; i < count; i++)
	{
		Client *client = &server->client[i];

		if ((server->poll[1 + i].revents & (POLLIN | POLLHUP | POLLERR)) != 0 &&
			(!read_client(client) || !judge_client(server->store, client)))
			close_client(client);
	}
	book_flush(&server->store->book);
	for (int i = 0; i < count; i++)
	{
		Client *client = &server->client[i];

		if (client->sock >= 0 && !answer_client(client))
			close_client(client);
	}
	if ((server->poll[0].revents & POLLIN) != 0)
		accept_clients(server);
	remove_closed(server);
}

/* Signals are taken while the process waits, and then only. */
static sigset_t
prepare_signals(void)
{
	sigset_t blocked;
	sigset_t unblocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGHUP);
	sigprocmask(SIG_BLOCK, &blocked, &unblocked);
	sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_stop}, NULL);
	sigaction(SIGINT, &(struct sigaction){.sa_handler = on_stop}, NULL);
	sigaction(SIGHUP, &(struct sigaction){.sa_handler = on_reload}, NULL);
	return unblocked;
}

/* Serves. */
void
serve(Store *store)
{
	Server *server = zeros(1, sizeof(Server));
	sigset_t unblocked = prepare_signals();

	server->store = store;
	server->listener = listen_at(store->socket);
	say("serving %s from record %llu on", store->socket, (unsigned long long) store->book.counter);
	while (!stopping)
	{
		wait_for_work(server, &unblocked);
		if (reloading)
		{
			reloading = 0;
			store_read_quotas(store);
			book_flush(&store->book);
		}
		do_round(server);
	}
	unlink(store->socket);
	book_close(&store->book);
	say("stopped at record %llu", (unsigned long long) store->book.counter);
}
