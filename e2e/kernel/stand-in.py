#!/usr/bin/env python3
"""Stands in for the programs of a lab that listen in one namespace: says what they said, byte for byte.

stand-in.py LISTENERS.json ROOM

LISTENERS.json: {"listeners": [{"room", "proto", "address", "port", "answer"}],
                 "dns": {ROOM: [answers in hexadecimal]},
                 "forwards": {ROOM: [{"to": ADDRESS, "stream": whether by TCP,
                                      "message": a question that the room passed on, in hexadecimal}]}}
"""
import json
import socket
import sys
import threading

CLOSING = ('connection: close', 'http/1.0')


def question(message):
    """The question section of a DNS message: a name and four bytes."""
    end = 12
    while message[end] != 0:
        end += 1 + message[end]
    return message[12 : end + 5].lower()


class Names:
    """What a name server of the room said, and whom it asked first."""

    def __init__(self, given, room):
        messages = [bytes.fromhex(text) for text in given['dns'].get(room, [])]
        self.answers = {question(message): message for message in messages}
        asked = [(bytes.fromhex(one['message']), one) for one in given['forwards'].get(room, []) if one['message']]
        self.forwards = {question(message): (message, one['to'], one['stream']) for message, one in asked}

    def answer(self, query, stream):
        self.ask_others(question(query), stream)
        found = self.answers.get(question(query))
        return None if found is None else query[:2] + found[2:]

    def ask_others(self, name, stream):
        """One that is asked by TCP asks by TCP, where the room did so."""
        if name not in self.forwards:
            return
        message, to, streamed = self.forwards[name]
        kind = socket.SOCK_STREAM if stream and streamed else socket.SOCK_DGRAM
        with socket.socket(socket.AF_INET6 if ':' in to else socket.AF_INET, kind) as sock:
            sock.settimeout(2)
            try:
                sock.connect((to, 53))
                sock.send(len(message).to_bytes(2, 'big') + message if kind == socket.SOCK_STREAM else message)
                sock.recv(4096)
            except OSError:
                pass


def serve_udp(sock, names):
    """Questions are answered at once, each in its own time."""

    def one(query, peer):
        answer = names.answer(query, False)
        if answer is not None:
            sock.sendto(answer, peer)

    while True:
        threading.Thread(target=one, args=sock.recvfrom(4096), daemon=True).start()


def serve_dns_stream(conn, names):
    head = conn.recv(2, socket.MSG_WAITALL)
    if len(head) == 2:
        answer = names.answer(conn.recv(int.from_bytes(head, 'big'), socket.MSG_WAITALL), True)
        if answer is not None:
            conn.sendall(len(answer).to_bytes(2, 'big') + answer)
    while conn.recv(4096):
        pass


def serve_page(conn, answer):
    """A program of Python's http.server writes the head and the page apart, and closes; nginx does neither."""
    asked = b''
    while b'\r\n\r\n' not in asked:
        data = conn.recv(4096)
        if not data:
            return
        asked += data
    head, _, page = answer.partition(b'\r\n\r\n')
    if b'SimpleHTTP' in head:
        conn.sendall(head + b'\r\n\r\n')
        conn.sendall(page)
    else:
        conn.sendall(answer)
    if not any(word.encode() in head.lower() for word in CLOSING):
        while conn.recv(4096):
            pass


def serve_tcp(listening, port, answer, names):
    while True:
        conn, _ = listening.accept()

        def one(conn=conn):
            with conn:
                try:
                    serve_dns_stream(conn, names) if port == 53 else serve_page(conn, answer)
                except OSError:
                    pass

        threading.Thread(target=one, daemon=True).start()


def main():
    with open(sys.argv[1], encoding='utf-8') as file:
        given = json.load(file)
    names = Names(given, sys.argv[2])
    threads = []
    for one in given['listeners']:
        if one['room'] != sys.argv[2]:
            continue
        stream = one['proto'] == 'tcp'
        address = one['address'].strip('[]')
        six = ':' in address or address == '*'
        family = socket.AF_INET6 if six else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if six:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address != '*')
        sock.bind(('::' if address == '*' else address, one['port']))
        if stream:
            sock.listen(128)
            args = (sock, one['port'], one['answer'].encode(), names)
        else:
            args = (sock, names)
        threads.append(threading.Thread(target=serve_tcp if stream else serve_udp, args=args))
    for thread in threads:
        thread.start()


main()
