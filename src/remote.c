/*
 * remote.c: asks the process dcep-signer for signatures.
 */
#include "remote.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "errcodes.h"
#include "wire.h"

#define CONNECT_TRIES 100 /* with 10 ms between, while the process has no room for another connection */

/* A connection that the backend keeps. */
typedef struct Connection
{
	struct Connection *next;
	char *path;
	int sock;  /* -1 between two */
	bool busy; /* a request has not been answered in full */
	WaitEventSet *events;
} Connection;

static Connection *connections = NULL;

/* --- the connection ------------------------------------------------------------- */

/* Closes a connection; the next request makes another one. */
static void
hang_up(Connection *connection)
{
	if (connection->events)
		FreeWaitEventSet(connection->events);
	if (connection->sock >= 0)
		close(connection->sock);
	connection->events = NULL;
	connection->sock = -1;
	connection->busy = false;
}

/* The process is not there, or is no longer. */
static _Noreturn void
raise_unreachable(Connection *connection, const char *why)
{
	char *path = pstrdup(connection->path);

	hang_up(connection);
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("signer process cannot be reached"),
					errdetail_log("Socket \"%s\": %s.", path, why), errdetail("%s.", why),
					errhint("Start dcep-signer, or look into its log. Until it answers nothing is signed with its "
							"keys; reading and verifying go on.")));
	pg_unreachable();
}

/* Says what is not as the protocol has it. */
static _Noreturn void
raise_garbled(Connection *connection)
{
	raise_unreachable(connection, "The answer is none that this version understands");
}

/* Connects; the reason where it cannot be done is in errno. */
static bool
dial(Connection *connection)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(connection->path);

	if (len >= sizeof(address.sun_path))
	{
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(address.sun_path, connection->path, len + 1);
	connection->sock = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (connection->sock < 0)
		return false;
	for (int tries = 0; tries < CONNECT_TRIES; tries++)
	{
		if (connect(connection->sock, (struct sockaddr *) &address, sizeof(address)) == 0)
			return true;
		if (errno != EAGAIN && errno != EINTR)
			return false;
		CHECK_FOR_INTERRUPTS();
		pg_usleep(10000);
	}
	return false;
}

/* What a backend waits for while a request is under way: the socket, a cancellation, the end of the server. */
static void
prepare_waiting(Connection *connection)
{
	connection->events = dcep_create_wait_set(3);
	AddWaitEventToSet(connection->events, WL_SOCKET_READABLE, connection->sock, NULL, NULL);
	AddWaitEventToSet(connection->events, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(connection->events, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
}

/* Has the other side closed an idle connection, or said something unasked? */
static bool
is_stale(const Connection *connection)
{
	char byte;

	return connection->busy || recv(connection->sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
		   (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

/* The backend's connection to a socket, open or not. */
static Connection *
find_connection(const char *path)
{
	Connection *connection = connections;

	while (connection && strcmp(connection->path, path) != 0)
		connection = connection->next;
	if (connection == NULL)
	{
		connection = MemoryContextAllocZero(TopMemoryContext, sizeof(Connection));
		connection->path = MemoryContextStrdup(TopMemoryContext, path);
		connection->sock = -1;
		connection->next = connections;
		connections = connection;
	}
	return connection;
}

/* Opens a connection unless it is open; false, with a reason in errno, where it cannot be done. */
static bool
open_up(Connection *connection)
{
	if (connection->sock >= 0 && is_stale(connection))
		hang_up(connection);
	if (connection->sock >= 0)
		return true;
	connection->busy = true; /* should anything interrupt what follows */
	if (!dial(connection))
		return false;
	prepare_waiting(connection);
	return true;
}

/* The backend's connection to a socket, open. */
static Connection *
open_connection(const char *path)
{
	Connection *connection = find_connection(path);

	if (!open_up(connection))
		raise_unreachable(connection, psprintf("The socket cannot be connected to: %s", strerror(errno)));
	return connection;
}

/* Does somebody listen? */
bool
dcep_remote_is_there(const DcepSigner *signer)
{
	Connection *connection = find_connection(signer->socket);

	if (open_up(connection))
		return true;
	hang_up(connection);
	return false;
}

/* Waits until the socket can be read, or written. */
static void
wait_for(Connection *connection, uint32 what)
{
	WaitEvent event;

	ModifyWaitEvent(connection->events, 0, what, NULL);
	do
	{
		(void) WaitEventSetWait(connection->events, -1, &event, 1, PG_WAIT_EXTENSION);
		if (event.events & WL_LATCH_SET)
		{
			ResetLatch(MyLatch);
			CHECK_FOR_INTERRUPTS();
		}
	} while (!(event.events & what));
}

/* Sends all of it. */
static void
send_all(Connection *connection, const char *data, size_t len)
{
	while (len > 0)
	{
		ssize_t sent = send(connection->sock, data, len, MSG_NOSIGNAL);

		if (sent > 0)
		{
			data += sent;
			len -= (size_t) sent;
		}
		else if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			wait_for(connection, WL_SOCKET_WRITEABLE);
		else if (errno != EINTR)
			raise_unreachable(connection, psprintf("The request cannot be sent: %s", strerror(errno)));
	}
}

/* Receives some bytes, at most so many. */
static size_t
receive_some(Connection *connection, void *to, size_t len)
{
	for (;;)
	{
		ssize_t received;

		wait_for(connection, WL_SOCKET_READABLE);
		received = recv(connection->sock, to, len, 0);
		if (received > 0)
			return (size_t) received;
		if (received == 0)
			raise_unreachable(connection, "The process has closed the connection");
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			raise_unreachable(connection, psprintf("The answer cannot be received: %s", strerror(errno)));
	}
}

/* --- requests and answers --------------------------------------------------------- */

/* An answer: its type, and its body in memory of the current context. */
typedef struct Answer
{
	int type;
	DcepReader body;
} Answer;

/* Begins a request; there is room for its length. */
static void
begin_request(StringInfo request, char type)
{
	initStringInfo(request);
	appendStringInfoSpaces(request, DCEP_WIRE_HEAD_LEN - 1);
	appendStringInfoChar(request, type);
}

static void
append_u32(StringInfo to, uint32 value)
{
	uint8 bytes[4];

	dcep_put_u32(bytes, value);
	appendBinaryStringInfo(to, (char *) bytes, sizeof(bytes));
}

/* The key that a request is for. */
static void
append_key(StringInfo to, const DcepSigner *signer)
{
	appendStringInfoChar(to, (char) signer->public_len);
	appendBinaryStringInfo(to, (const char *) signer->public_key, signer->public_len);
}

/* Raises what the process has refused. */
static _Noreturn void
raise_refused(Connection *connection, DcepReader *body)
{
	int reason = (int) dcep_take_number(body, 1);
	const char *text = body->at ? pnstrdup((const char *) body->at, (size_t) (body->end - body->at)) : "";

	switch (reason)
	{
		case DCEP_WIRE_OVER_QUOTA:
			ereport(ERROR, (errcode(ERRCODE_DCEP_OVER_QUOTA), errmsg("signer refuses: quota exceeded"),
							errdetail("%s", text), errhint("The central bank sets the quota by a signed statement.")));
			break;
		case DCEP_WIRE_NOT_COVERED:
			ereport(ERROR, (errcode(ERRCODE_DCEP_NOT_COVERED), errmsg("signer refuses what is to be signed"),
							errdetail("%s", text)));
			break;
		case DCEP_WIRE_UNKNOWN_KEY:
			ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("signer does not hold this key"),
							errdetail("%s", text)));
			break;
		default:
			raise_garbled(connection);
	}
	pg_unreachable();
}

/* Receives an answer. Most are short and come in one piece. */
static Answer
receive_answer(Connection *connection)
{
	uint8 piece[256];
	size_t have = 0;
	Answer answer;
	size_t len;
	uint8 *body;

	while (have < DCEP_WIRE_HEAD_LEN)
		have += receive_some(connection, piece + have, sizeof(piece) - have);
	len = dcep_get_u32(piece);
	if (len < 1 || len > DCEP_WIRE_MAX || have > sizeof(uint32) + len)
		raise_garbled(connection);
	answer.type = piece[DCEP_WIRE_HEAD_LEN - 1];
	len--; /* of the body alone */
	have -= DCEP_WIRE_HEAD_LEN;
	body = palloc(len + 1);
	memcpy(body, piece + DCEP_WIRE_HEAD_LEN, have);
	while (have < len)
		have += receive_some(connection, body + have, len - have);
	answer.body = (DcepReader){body, body + len};
	return answer;
}

/* Sends a request and receives the answer; a refusal is raised. */
static Answer
ask(const char *path, StringInfo request)
{
	Connection *connection = open_connection(path);
	Answer answer;

	dcep_put_u32((uint8 *) request->data, (uint32) request->len - (uint32) sizeof(uint32));
	connection->busy = true;
	send_all(connection, request->data, (size_t) request->len);
	answer = receive_answer(connection);
	connection->busy = false;
	if (answer.type == DCEP_WIRE_REFUSED)
		raise_refused(connection, &answer.body);
	return answer;
}

/* An answer of the expected type, else an error. */
static Answer
ask_for(const char *path, StringInfo request, int type)
{
	Answer answer = ask(path, request);

	if (answer.type != type)
		raise_garbled(find_connection(path));
	return answer;
}

/* Takes a signature over this hash out of an answer. */
static void
take_signature(const DcepSigner *signer, Answer *answer, const uint8 hash[DCEP_HASH_LEN],
			   uint8 signature[DCEP_SIGNATURE_LEN])
{
	const uint8 *root = dcep_take_bytes(&answer->body, DCEP_HASH_LEN);
	const uint8 *bytes = dcep_take_bytes(&answer->body, DCEP_SIGNATURE_LEN);

	if (bytes == NULL || memcmp(root, hash, DCEP_HASH_LEN) != 0)
		raise_garbled(find_connection(signer->socket));
	memcpy(signature, bytes, DCEP_SIGNATURE_LEN);
}

/* --- keys --------------------------------------------------------------------------- */

/* Has a key made. */
void
dcep_remote_make_key(const char *socket, DcepSigningKey *key)
{
	StringInfoData request;
	uint8 body[2 + 4 + 1];
	Answer answer;
	uint8 *at;
	int len;
	const uint8 *public_key;

	begin_request(&request, DCEP_WIRE_MAKE_KEY);
	at = dcep_put_u32(dcep_put_u16(body, (uint16) key->institution), (uint32) key->number);
	*at = (uint8) key->suite;
	appendBinaryStringInfo(&request, (char *) body, sizeof(body));
	answer = ask_for(socket, &request, DCEP_WIRE_KEY);
	len = (int) dcep_take_number(&answer.body, 1);
	public_key = dcep_take_bytes(&answer.body, (size_t) len);
	if (public_key == NULL || len == 0 || len > DCEP_PUBLIC_KEY_MAX)
		raise_garbled(find_connection(socket));
	key->public_len = len;
	memcpy(key->public_key, public_key, (size_t) len);
}

/* --- signatures --------------------------------------------------------------------- */

/* Appends the coins that the process asks to be shown. */
static void
append_coins(StringInfo request, DcepShown *shown, Answer *answer, const char *path)
{
	uint32 count = (uint32) dcep_take_number(&answer->body, 4);

	if (count == 0 || count > DCEP_WIRE_NEED_MAX)
		raise_garbled(find_connection(path));
	append_u32(request, count);
	for (uint32 i = 0; i < count; i++)
	{
		int64 id = (int64) dcep_take_number(&answer->body, 8);
		int before = request->len;

		if (answer->body.at == NULL)
			raise_garbled(find_connection(path));
		append_u32(request, 0);
		shown->show(shown->state, id, request);
		dcep_put_u32((uint8 *) request->data + before, (uint32) (request->len - before - 4));
	}
}

/* Has transfers signed; coins that the process has not met are shown to it when it asks. */
void
dcep_remote_sign_transfers(const DcepSigner *signer, DcepShown *shown, const uint8 root[DCEP_HASH_LEN],
						   uint8 signature[DCEP_SIGNATURE_LEN])
{
	StringInfoData request;
	Answer answer;
	int without_coins;

	Assert(shown && shown->count > 0);
	begin_request(&request, DCEP_WIRE_TRANSFERS);
	append_key(&request, signer);
	append_u32(&request, shown->count);
	appendBinaryStringInfo(&request, shown->transfers.data, shown->transfers.len);
	without_coins = request.len;
	append_u32(&request, 0);
	answer = ask(signer->socket, &request);
	if (answer.type == DCEP_WIRE_NEED)
	{
		request.len = without_coins;
		append_coins(&request, shown, &answer, signer->socket);
		answer = ask(signer->socket, &request);
	}
	if (answer.type != DCEP_WIRE_SIGNED)
		raise_garbled(find_connection(signer->socket));
	take_signature(signer, &answer, root, signature);
	pfree(request.data);
}

/* Has one transfer signed that another node has paid. */
void
dcep_remote_sign_delivery(const DcepSigner *signer, DcepShown *shown, const uint8 root[DCEP_HASH_LEN],
						  uint8 signature[DCEP_SIGNATURE_LEN])
{
	const DcepAsked *asked = shown->asked;
	const int change_len = 8; /* it has none */
	StringInfoData request;
	Answer answer;

	Assert(shown->count == 1);
	begin_request(&request, DCEP_WIRE_DELIVERY);
	append_key(&request, signer);
	appendBinaryStringInfo(&request, shown->transfers.data + change_len, shown->transfers.len - change_len);
	append_u32(&request, (uint32) asked->len);
	appendBinaryStringInfo(&request, (const char *) asked->bytes, (int) asked->len);
	appendBinaryStringInfo(&request, (const char *) asked->signature, DCEP_SIGNATURE_LEN);
	answer = ask_for(signer->socket, &request, DCEP_WIRE_SIGNED);
	take_signature(signer, &answer, root, signature);
	pfree(request.data);
}

/* Has a record signed. */
void
dcep_remote_sign_record(const DcepSigner *signer, const uint8 *bytes, size_t len, const uint8 hash[DCEP_HASH_LEN],
						uint8 signature[DCEP_SIGNATURE_LEN])
{
	StringInfoData request;
	Answer answer;

	begin_request(&request, DCEP_WIRE_RECORD);
	append_key(&request, signer);
	append_u32(&request, (uint32) len);
	appendBinaryStringInfo(&request, (const char *) bytes, (int) len);
	answer = ask_for(signer->socket, &request, DCEP_WIRE_SIGNED);
	take_signature(signer, &answer, hash, signature);
	pfree(request.data);
}

/* How an institution stands. */
void
dcep_remote_state(const DcepSigner *signer, int institution, DcepRemoteState *state)
{
	StringInfoData request;
	uint8 code[2];
	Answer answer;
	const uint8 *head;

	begin_request(&request, DCEP_WIRE_STATUS);
	dcep_put_u16(code, (uint16) institution);
	appendBinaryStringInfo(&request, (char *) code, sizeof(code));
	answer = ask_for(signer->socket, &request, DCEP_WIRE_STATE);
	state->counter = (int64) dcep_take_number(&answer.body, 8);
	head = dcep_take_bytes(&answer.body, DCEP_HASH_LEN);
	state->statement = (int64) dcep_take_number(&answer.body, 8);
	state->minted = (int64) dcep_take_number(&answer.body, 8);
	state->mint_limit = (int64) dcep_take_number(&answer.body, 8);
	state->paid_out = (int64) dcep_take_number(&answer.body, 8);
	state->payout_limit = (int64) dcep_take_number(&answer.body, 8);
	if (answer.body.at == NULL)
		raise_garbled(find_connection(signer->socket));
	memcpy(state->head, head, DCEP_HASH_LEN);
}
