#!/usr/bin/env python3
"""Stands in for the programs of a lab that listen in one namespace: says what they said, byte for byte.

stand-in.py LISTENERS.json ROOM

LISTENERS.json: {"listeners": [{"room", "proto", "address", "port", "answer"}], "dns": [answers in hexadecimal]}
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


def dns_answer(answers, query):
    found = answers.get(question(query))
    return None if found is None else query[:2] + found[2:]


def serve_udp(sock, answers):
    while True:
        query, peer = sock.recvfrom(4096)
        answer = dns_answer(answers, query)
        if answer is not None:
            sock.sendto(answer, peer)


def serve_dns_stream(conn, answers):
    head = conn.recv(2, socket.MSG_WAITALL)
    if len(head) == 2:
        answer = dns_answer(answers, conn.recv(int.from_bytes(head, 'big'), socket.MSG_WAITALL))
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


def serve_tcp(listening, port, answer, answers):
    while True:
        conn, _ = listening.accept()

        def one(conn=conn):
            with conn:
                try:
                    serve_dns_stream(conn, answers) if port == 53 else serve_page(conn, answer)
                except OSError:
                    pass

        threading.Thread(target=one, daemon=True).start()


def main():
    with open(sys.argv[1], encoding='utf-8') as file:
        given = json.load(file)
    answers = {question(bytes.fromhex(text)): bytes.fromhex(text) for text in given['dns']}
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
            args = (sock, one['port'], one['answer'].encode(), answers)
        else:
            args = (sock, answers)
        threads.append(threading.Thread(target=serve_tcp if stream else serve_udp, args=args))
    for thread in threads:
        thread.start()


main()
