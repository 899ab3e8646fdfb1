/*
 * version.h: that of the extension, which the Makefile hands over.
 */
#ifndef VERIFY_VERSION_H
#define VERIFY_VERSION_H

#ifndef VERIFY_VERSION
#define VERIFY_VERSION "0.1"
#endif

#endif
