/*
 * commands.h: what dcep-verify verifies, a subcommand each.
 */
#ifndef VERIFY_COMMANDS_H
#define VERIFY_COMMANDS_H

#include "options.h"

extern void command_coin(const Options *options);
extern void command_bundle(const Options *options);
extern void command_checkpoint(const Options *options);
extern void command_consistency(const Options *options);
extern void command_journal(const Options *options);

#endif
